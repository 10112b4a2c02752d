"""The serial map."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Self

from nets_deap.parallel.protocol import Item, Result
from nets_deap.util import inside, interrupts


def unit_of(function: Callable[..., object]) -> str:
    """What a call of the function does, in one word: its `unit`, if it has one."""
    return str(getattr(function, "unit", "item"))


class SerialMap:
    """A map that computes one item after another, in this process."""

    workers = 1
    elsewhere = False
    sends = False  # whether items go to other processes, pickled

    def __call__(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        tell: Callable[[Result], None] | None = None,
        lost: Callable[[Item], Result] | None = None,
    ) -> list[Result]:
        results: list[Result] = []
        process, items = os.getpid(), list(items)
        with interrupts.guarded() as check, inside.level(unit_of(function), len(items)) as told:
            for item in items:
                told(len(results), lambda: [item])  # noqa: B023 (it is called at once)
                results.append(function(item))
                if os.getpid() != process:
                    os._exit(0)  # a process that the function has forked must not go on with our work
                check()
                if tell:
                    tell(results[-1])
        return results

    def close(self) -> None:
        """Nothing to release."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
