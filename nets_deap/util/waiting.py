"""What takes a while says on stderr how far it is: a bar in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

Item = TypeVar("Item")
PATIENCE, EVERY = 2.0, 10.0  # seconds until it says so, and between two lines

silent = False  # set by whoever wants to see nothing


def tell(text: str) -> None:
    """Say on stderr where a user can watch the work."""
    if not silent:
        print(text, file=sys.stderr, flush=True)


def counted(what: str, items: Iterable[Item], total: int) -> Iterator[Item]:
    """The items one by one. what: is done with them, such as "loading images"."""
    told, bar = time.monotonic() + PATIENCE, None
    try:
        for done, item in enumerate(items):
            yield item
            if silent or time.monotonic() < told:
                continue
            bar = bar or _bar(what, total)
            if bar is None:
                print(f"{what}: {done + 1:,} of {total:,}", file=sys.stderr, flush=True)
                told = time.monotonic() + EVERY
            else:
                bar.update(bar.task_ids[0], completed=done + 1)
    finally:
        if bar is not None:
            bar.stop()


def _bar(what: str, total: int) -> Any:
    """A bar that vanishes in the end; None if stderr cannot show one."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if not (console.is_jupyter or (console.is_terminal and not console.is_dumb_terminal)):
        return None
    bar = Progress(console=console, transient=True)
    bar.add_task(f"{what}, {total:,}", total=total)
    bar.start()
    return bar
