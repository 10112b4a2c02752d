"""How far the work inside a step of a run is: told to whoever listens, and to nobody otherwise."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

Item = TypeVar("Item")
OFTEN = 0.1  # seconds between two calls of a listener at least


@dataclass(frozen=True)
class Level:
    """Work that is counted: so many of its `unit`s are done.

    items: what is computed now, of a map
    """

    unit: str
    done: int
    of: int
    items: Sequence[Any] = ()


Listener = Callable[[Sequence[Level]], None]  # gets the work, and the work inside it, and so on


@dataclass
class _Ear:
    listener: Listener
    levels: list[Level] = field(default_factory=list)
    due: float = 0.0

    def tell(self, *inner: Level) -> None:
        if (now := time.monotonic()) >= self.due:
            self.due = now + OFTEN
            self.listener([*self.levels, *inner])


_ear: ContextVar[_Ear | None] = ContextVar("who listens", default=None)


@contextmanager
def heard(listener: Listener | None) -> Iterator[None]:
    """Within a `with` block, `listener` hears how far the work is, a few times a second; None: nobody does.

    Only what this thread of this process does itself is heard.
    """
    token = _ear.set(None if listener is None else _Ear(listener))
    try:
        yield
    finally:
        _ear.reset(token)


def is_heard() -> bool:
    """Does anybody listen?"""
    return _ear.get() is not None


def deafen() -> None:
    """Let nobody hear this process: it is a fork of the one in which somebody listens."""
    _ear.set(None)


def counted(unit: str, items: Iterable[Item], total: int, begun: int = 0) -> Iterable[Item]:
    """The items of a loop, each of which is one `unit` of work; as they are if nobody listens.

    begun: how many are done already
    """
    ear = _ear.get()
    return items if ear is None else _told(ear, unit, items, total, begun)


def _told(ear: _Ear, unit: str, items: Iterable[Item], total: int, begun: int) -> Iterator[Item]:
    for done, item in enumerate(items, begun):
        if time.monotonic() >= ear.due:
            ear.tell(Level(unit, done, total))
        yield item


Tell = Callable[[int, Callable[[], Sequence[Any]]], None]


@contextmanager
def level(unit: str, total: int) -> Iterator[Tell]:
    """Work that holds other work. Yields a function of how many units are done, and of what gives the items
    that are computed now.
    """
    ear = _ear.get()
    if ear is None:
        yield lambda done, items: None
        return
    place = len(ear.levels)

    def tell(done: int, items: Callable[[], Sequence[Any]]) -> None:
        ear.levels[place:] = [Level(unit, done, total, items())]
        ear.tell()

    try:
        yield tell
    finally:
        del ear.levels[place:]
