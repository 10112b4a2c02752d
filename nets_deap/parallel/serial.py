"""The serial map."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def ctrl_c_is_not_lost() -> Iterator[Callable[[], None]]:
    """Yield a function that raises KeyboardInterrupt again if an item has swallowed it.

    Extension modules do so: pydantic-core, for example, turns it into a SchemaError while it builds a
    validator.
    """
    seen = []

    def note(number: int, frame: Any) -> None:
        seen.append(number)
        raise KeyboardInterrupt

    def check() -> None:
        if seen:
            raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # the caller's own handler
        yield check
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


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
        with ctrl_c_is_not_lost() as check:
            for item in items:
                results.append(function(item))
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
