"""`nets-deap watch`: follow a run from another terminal."""

from __future__ import annotations

import math
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from . import render
from .options import command, printable

if TYPE_CHECKING:
    from nets_deap.runs import Held

BARS = "▁▂▃▄▅▆▇█"


@command()
@click.argument("folder", metavar="RUN")
@click.option("--every", type=click.FloatRange(min=0.1), default=2.0, help="Seconds between two looks. [2]")
def watch(folder: str, every: float) -> None:
    """Follow the run in the folder RUN until it ends, or until Ctrl-C, which leaves the run alone."""
    from nets_deap.runs import held

    run = held(folder)
    run.check()
    if not sys.stdout.isatty():
        told = ""
        while True:
            if (line := _line(run)) != told:
                click.echo(told := line)
            if run.state != "running":
                return
            time.sleep(every)
            run = held(folder)
    from rich.live import Live

    with Live(_picture(run), auto_refresh=False) as live:
        while run.state == "running":
            time.sleep(every)
            run = held(folder)
            live.update(_picture(run), refresh=True)


def _line(run: Held) -> str:
    done = f"{run.unit} {run.progress}" if run.progress else ""
    return printable("  ".join(part for part in (run.state, done, _score(run), _left(run)) if part))


def _score(run: Held) -> str:
    return "" if run.score is None else f"{run.of} {run.metric} {render.score(run.measure, run.score)}"


def _left(run: Held) -> str:
    """The time that is left if what is to come takes as long as what is done."""
    if run.state != "running" or not (run.done and run.total and run.seconds) or run.done >= run.total:
        return ""
    from .runs import age

    return f"about {age(run.seconds / run.done * (run.total - run.done))} left"


def _picture(run: Held) -> Any:
    """The run as rich draws it."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.text import Text

    head = f"{run.folder}  {run.method} on {run.dataset}, {run.arch}, seed {run.seed}"
    parts: list[Any] = [Text(printable(head), style="bold"), Text(_line(run))]
    if run.total:
        parts.append(ProgressBar(total=run.total, completed=run.done or 0))
    if len(run.curve) > 1:
        parts.append(Text(f"{run.of} {run.metric} {sparkline(run.curve)}"))
    facts = ((key, value) for key, value in run.facts.items() if value is not None)
    parts += [Text(printable(f"{key}: {render.plain(value)}")) for key, value in facts]
    return Group(*parts)


def sparkline(values: tuple[float, ...], width: int = 60) -> str:
    """A curve in one line: the last of each `len(values) / width` finite values, from ▁ to █."""
    finite = [value for value in values if math.isfinite(value)]
    count = min(width, len(finite))
    if not count:
        return ""
    shown = [finite[(i + 1) * len(finite) // count - 1] for i in range(count)]
    least, greatest = min(shown), max(shown)
    span = greatest - least or 1.0
    return "".join(BARS[min(len(BARS) - 1, int(len(BARS) * (value - least) / span))] for value in shown)
