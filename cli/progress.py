"""How far a command is: a bar with the time that is left in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import click

from .options import printable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from nets_deap.util.inside import Level

# Seconds without a line after which one tells of the work inside a step: at first, and later at most
LULL, LONGEST = 10.0, 60.0
SHOWN = 3  # of the items that are computed now


class Report(Protocol):
    def __call__(self, done: int, text: str | None, of: int = 0, unit: str = "") -> None:
        """So many steps are done. text: None: no line of its own; of, unit: if they have changed."""


class Lines:
    """Lines on stdout.

    every: seconds between two lines of steps at least; the last one is always printed
    """

    def __init__(
        self, total: int, unit: str, every: float, begun: int, named: Callable[[Any], str] | None
    ) -> None:
        self.total, self.unit, self.every, self.named = total, unit, every, named
        self.done, self.begun = begun, begun
        self.first: float | None = None  # where it was when it was first heard: a run may go on in its middle
        self.printed, self.start, self.lull = -math.inf, time.monotonic(), LULL

    def __call__(self, done: int, text: str | None, of: int = 0, unit: str = "") -> None:
        self.done, self.total, self.unit = done, of or self.total, unit or self.unit
        self.lull = LULL
        if text is not None and (done >= self.total or time.monotonic() >= self.printed + self.every):
            self._print(text)

    def hear(self, levels: Sequence[Level]) -> None:
        now = time.monotonic()
        if self.first is None:
            self.first = self.inside(levels)[0]
        if levels[0].unit == self.unit:
            self.done = levels[0].done
        if now >= max(self.start, self.printed) + self.lull:
            position, text = self.inside(levels)
            self._print(", ".join(filter(None, (text, self._left(position, now - self.start)))))
            self.lull = min(LONGEST, 1.5 * self.lull)

    def _print(self, text: str) -> None:
        click.echo(f"{self.unit} {max(0, self.done)}/{self.total}  {text}")
        self.printed = time.monotonic()

    def _left(self, position: float, seconds: float) -> str:
        from .runs import age

        begun = max(self.begun, self.first or 0)
        if not begun < position < self.total:
            return ""
        return f"about {age(seconds / (position - begun) * (self.total - position))} left"

    def inside(self, levels: Sequence[Level]) -> tuple[float, str]:
        """Where the work is, in steps, and the text on what is inside a step.

        The outermost level may be that of the steps themselves: then what is below it is inside.
        """
        first, position, text = levels[0], float(self.done), ""
        if first.unit == self.unit:
            position, levels = float(first.done), levels[1:]
        elif first.unit == "item":
            levels, text = levels[1:], self._running(first.items)
        inner = [f"{level.unit} {level.done:,}/{level.of:,}" for level in levels if level.unit != "item"]
        share = 0.0
        for level in reversed(levels):
            share = (level.done + share) / max(1, level.of)
        return position + share, ", ".join(part for part in (text, *inner[:2]) if part)

    def _running(self, items: Sequence[Any]) -> str:
        if not (self.named and items):
            return ""
        names = [printable(self.named(item)) for item in items[:SHOWN]]
        more = [f"{len(items) - SHOWN} more"] * (len(items) > SHOWN)
        return f"running: {'; '.join((*names, *more))}"


class Bar(Lines):
    """The same as a bar, and a line below it on the work inside a step."""

    def show(self, bar: Progress, task: TaskID) -> None:
        self.bar, self.task, self.below = bar, task, ""

    def __call__(self, done: int, text: str | None, of: int = 0, unit: str = "") -> None:
        self.done, self.total, self.unit = done, of or self.total, unit or self.unit
        self.bar.update(self.task, completed=max(0, done), total=self.total, description=self.unit)
        if text is not None:
            self.bar.update(self.task, text=text)

    def hear(self, levels: Sequence[Level]) -> None:
        position, self.below = self.inside(levels)
        if position > self.bar.tasks[0].completed:
            self.bar.update(self.task, completed=position)


@contextmanager
def shown(
    total: int,
    quiet: bool,
    unit: str,
    every: float = 0.0,
    begun: int = 0,
    named: Callable[[Any], str] | None = None,
) -> Iterator[Report]:
    """Yields a `Report`, and shows how far the work inside a step is.

    begun: steps that are done already, −1 if what comes first is step 0; every: see `Lines`
    named: the name of one of the items that a map computes, if they are the steps
    Nothing is shown if quiet.
    """
    from nets_deap.util import inside

    if quiet:
        yield lambda done, text, of=0, unit="": None
        return
    from rich.console import Console

    console = Console()
    if not sys.stdout.isatty() or console.is_dumb_terminal:
        lines = Lines(total, unit, every, begun, named)
        with inside.heard(lines.hear):
            yield lines
        return
    from rich.console import Group
    from rich.live import Live
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.table import Column
    from rich.text import Text

    bar, shown = (
        Progress(
            TextColumn("{task.description}", table_column=Column(no_wrap=True)),
            BarColumn(bar_width=20),
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            TimeRemainingColumn(compact=True, table_column=Column(no_wrap=True, min_width=5)),
            TextColumn(
                "{task.fields[text]}",
                markup=False,
                table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1),
            ),
            expand=True,
            speed_estimate_period=300.0,
        ),
        Bar(total, unit, every, begun, named),
    )
    shown.show(bar, bar.add_task(unit, total=total, completed=max(0, begun), text=""))

    def picture() -> Group:
        below = Text(shown.below, style="dim", no_wrap=True, overflow="ellipsis")
        return Group(bar, below) if shown.below else Group(bar)

    with Live(get_renderable=picture, console=console), inside.heard(shown.hear):
        yield shown
        shown.below = ""
