"""The serial map."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TypeVar

from nets_deap.util import interrupts

Item = TypeVar("Item")
Result = TypeVar("Result")


class SerialMap:
    """A map that computes one item after another, in this process."""

    workers = 1

    def __call__(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        tell: Callable[[Result], None] | None = None,
        lost: Callable[[Item], Result] | None = None,
    ) -> list[Result]:
        results = []
        process = os.getpid()
        with interrupts.guarded() as check:
            for item in items:
                results.append(function(item))
                if os.getpid() != process:
                    os._exit(0)  # a process that the function has forked must not go on with our work
                check()
                if tell:
                    tell(results[-1])
        return results

    def close(self) -> None:
        """Nothing to release."""

    def __enter__(self) -> SerialMap:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
