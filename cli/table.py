"""Tables for people. A terminal that is too narrow shortens the headings first, then leaves out the last
columns; one of less than STACKED columns shows a list instead. A number is never broken."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import click

from .options import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

TEXT, SHORT_TEXT = 24, 16  # characters of a table's first column that are kept on one line
NO_WIDTH = 10_000  # columns, if there is no terminal
STACKED = 60
SHORT = {
    "test accuracy, %": "test acc",
    "test acc, %": "acc, %",
    "at the end, %": "end, %",
    "test loss": "loss",
    "validation accuracy, %": "val acc",
    "validation loss": "val loss",
    "early stop at": "stop at",
    "ticket better by": "better by",
    "search steps": "steps",
    "search s": "s",
    "used / allowed": "used",
}

# A line below the headings, for consoles that lack rich's
PLAIN_HEAD = "    \n    \n -- \n    \n    \n    \n    \n    \n"

Rows = Sequence[Sequence[str]]


def show(headers: Sequence[str], rows: Rows, paths: bool = False) -> None:
    """Print a table; the first column is text, the others are aligned to the right, by importance.

    paths: the first column holds paths. They are not broken, so that they can be copied: where they do not
        fit, each stands on a line of its own, above its row.
    """
    from rich.console import Console

    wide = None if sys.stdout.isatty() else NO_WIDTH
    console = Console(width=wide, highlight=False, markup=False, emoji=False)
    rows = [[_shown(cell) for cell in row] for row in rows]
    fits = partial(_fits, console, rows)
    short = [SHORT.get(header, header) for header in headers]
    texts = (NO_WIDTH, NO_WIDTH, NO_WIDTH) if paths else (TEXT, TEXT, SHORT_TEXT)
    tries = tuple(zip((headers, short, short), texts, strict=True))
    headings, text = next((each for each in tries if fits(*each)), tries[-1])
    if not fits(headings, text) and console.width < STACKED:
        _stack(headers, rows, NO_WIDTH if paths else console.width)
        return
    if not fits(headings, text) and paths:
        _below(short, rows, console.width)
        return
    while len(headings) > 2 and not fits(headings, text):
        headings = headings[:-1]
    console.print(_drawn(headings, rows, text, console.options.ascii_only))
    if left_out := headers[len(headings) :]:
        say(f"too narrow a terminal for: {', '.join(left_out)}")


def say(text: str) -> None:
    """Print a sentence about a table, in as many lines as the terminal needs."""
    from rich.console import Console

    width = max(1, Console().width) if sys.stdout.isatty() else NO_WIDTH
    click.echo(textwrap.fill(printable(text), width, break_long_words=False, break_on_hyphens=False))


def _shown(cell: str) -> str:
    return "\n".join(map(printable, cell.split("\n")))


def _fits(console: Console, rows: Rows, headers: Sequence[str], text: int) -> bool:
    folded = [[row[0][:text], *row[1:]] for row in rows]
    unbounded = console.options.update(max_width=NO_WIDTH)
    return console.measure(_drawn(headers, folded, text, False), options=unbounded).minimum <= console.width


def _drawn(headers: Sequence[str], rows: Rows, text: int, plain: bool) -> Table:
    from rich import box
    from rich.table import Table

    drawn = Table(
        box=box.Box(PLAIN_HEAD, ascii=True) if plain else box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    for i, header in enumerate(headers):
        width = max(len(line) for cell in (header, *(row[i] for row in rows)) for line in cell.split("\n"))
        if i == 0:
            drawn.add_column(header, overflow="fold", min_width=min(width, text))
        else:
            drawn.add_column(header, justify="right", min_width=width)
    for row in rows:
        drawn.add_row(*row[: len(headers)])
    return drawn


def _below(headers: Sequence[str], rows: Rows, width: int) -> None:
    """Each row below its name; words are shortened before a column is left out."""
    columns = [[header, *(row[i] for row in rows)] for i, header in enumerate(headers)][1:]
    widths = [max(map(len, column)) for column in columns]
    words = [i for i, column in enumerate(columns) if any(cell[:1].isalpha() for cell in column[1:])]
    while sum(widths) + 2 * len(widths) > width:
        longest = max(words, key=widths.__getitem__, default=None)
        if longest is None or widths[longest] <= SHORT_TEXT:
            widths.pop()
            words = [i for i in words if i < len(widths)]
        else:
            widths[longest] -= 1

    def line(cells: Sequence[str]) -> str:
        cut = (
            cell if len(cell) <= size else f"{cell[: size - 1]}…"
            for cell, size in zip(cells, widths, strict=False)
        )
        return "".join(f"  {cell:>{size}}" for cell, size in zip(cut, widths, strict=False)).rstrip()

    click.echo(f"{headers[0]}\n{line(headers[1:])}")
    for row in rows:
        click.echo(f"{row[0]}\n{line(row[1:])}")
    if left_out := headers[1 + len(widths) :]:
        say(f"too narrow a terminal for: {', '.join(left_out)}")


def _stack(headers: Sequence[str], rows: Rows, width: int) -> None:
    """Each row as a list of its cells, below its name."""
    labels = [SHORT.get(header, header) for header in headers[1:]]
    indent = 4 + max(map(len, labels))
    for row in rows:
        for name in textwrap.wrap(row[0], width) or [""]:
            click.echo(name)
        for label, cell in zip(labels, row[1:], strict=True):
            for i, line in enumerate(cell.split("\n") if cell else []):
                click.echo(f"{'' if i else '  ' + label:{indent}}{line}")
