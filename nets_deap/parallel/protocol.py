"""What all maps have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, Self, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Map(Protocol):
    """A map over any items.

    workers: how many compute at the same time
    sends: whether items go to other processes, pickled
    elsewhere: whether that may be on machines that lack the files of this one
    """

    @property
    def workers(self) -> int: ...

    @property
    def sends(self) -> bool: ...

    @property
    def elsewhere(self) -> bool: ...

    def __call__(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        tell: Callable[[Result], None] | None = None,
        lost: Callable[[Item], Result] | None = None,
    ) -> list[Result]:
        """The results in the order of the items. What the function raises is raised here.

        tell: called with each result as it comes
        lost: gives the result of an item that has ended its worker again and again
        """
        ...

    def close(self) -> None:
        """Release what it holds; it can be called again."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...
