"""A line on stderr that says how far a search is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from nets_deap.util.inside import Level, heard

Row = dict[str, Any]
SHOWN = ("gen", "cycle", "density", "val_loss", "val_loss_min", "val_acc", "val_acc_best", "fitness_min")


@contextmanager
def progress(title: str, show: bool, length: int = 0) -> Iterator[Callable[[Row], None]]:
    """Shows each row of a logbook as it comes; nothing unless `show`. length: the number of the last row"""
    if not show:
        yield lambda row: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not (console.is_terminal or console.is_jupyter):
        yield lambda row: print(f"{title}: {_text(row, length)}", file=sys.stderr)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[within]}"),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(title, total=None, within="")

        def hear(levels: Sequence[Level]) -> None:
            bar.update(task, within=f"{levels[0].unit} {levels[0].done:,}/{levels[0].of:,}")

        with heard(hear):
            yield lambda row: bar.update(task, description=f"{title}: {_text(row, length)}")


def _text(row: Row, length: int) -> str:
    told = {key.replace("_", " "): row[key] for key in SHOWN if key in row}
    texts = [
        f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in told.items()
    ]
    if length and texts and not {"gen", "cycle"}.isdisjoint(told):
        texts[0] += f" of {length}"
    return ", ".join(texts)
