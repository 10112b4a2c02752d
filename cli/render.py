"""What a person sees: progress, tables, percentages."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import click


def percent(share: float, digits: int = 2) -> str:
    return f"{100 * share:.{digits}f} %"


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A plain table on stdout; the first column is text, the others are aligned to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    # Piped, there is no width to fit: never cut a figure.
    console = Console(width=None if sys.stdout.isatty() else 200, highlight=False)
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for i, header in enumerate(headers):
        drawn.add_column(header, justify="right" if i else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*row)
    console.print(drawn)


Report = Callable[..., None]  # see progress


@contextmanager
def progress(total: int, quiet: bool, unit: str) -> Iterator[Report]:
    """A function of (steps done, text, total if it has changed).

    A live bar in a terminal, lines when piped, nothing if quiet.
    """
    if quiet:
        yield lambda done, text, of=total: None
    elif not sys.stdout.isatty():
        yield lambda done, text, of=total: click.echo(f"{unit} {done}/{of}  {text}")
    else:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn(unit),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[text]}"),
            TimeRemainingColumn(compact=True),
        )
        with Progress(*columns, expand=True) as bar:
            task = bar.add_task(unit, total=total, text="")
            yield lambda done, text, of=total: bar.update(task, completed=done, text=text, total=of)
