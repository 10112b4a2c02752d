"""`nets-deap runs`: a table of the runs below a folder."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import json_out, render, table
from .options import command, quoted

if TYPE_CHECKING:
    from nets_deap.runs import Held

UNITS = ((86_400 * 365, "y"), (86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


@command()
@click.argument("place", metavar="[FOLDER]", default="runs")
@click.option("--method", metavar="TEXT", help="Only runs whose method has this in it.")
@click.option("--dataset", metavar="TEXT", help="Likewise the data set.")
@click.option("--arch", metavar="TEXT", help="Likewise the network.")
@click.option("--state", metavar="STATE", help="running, finished, unfinished, empty or damaged.")
@click.option("--json", "as_json", is_flag=True, callback=json_out.aside, help="As a JSON array.")
def runs(place: str, as_json: bool, state: str | None, **wanted: str | None) -> None:
    """List the runs in FOLDER and below it, the latest change last. [runs]"""
    from nets_deap.runs import runs_in
    from nets_deap.runs.folder import STATES
    from nets_deap.util.errors import unknown

    if state is not None and state not in STATES:
        raise unknown("state", state, STATES)
    if not Path(place).is_dir():
        raise click.UsageError(f"{place} is no folder: say where the runs lie")
    found = sorted(runs_in(place), key=lambda run: run.changed)
    kept = [
        run
        for run in found
        if (state is None or run.state == state)
        and all(text is None or text in getattr(run, name) for name, text in wanted.items())
    ]
    if as_json:
        json_out.tell([run.values() for run in kept])
        return
    if not kept:
        click.echo(
            f"no runs in {place}" if not found else f"none of the {len(found)} runs in {place} is like that"
        )
        return
    now = time.time()
    rows = [
        [
            quoted(run.folder),
            _score(run),
            run.state,
            run.method,
            run.dataset,
            "" if run.density is None else render.percent(run.density),
            age(now - run.changed),
        ]
        for run in kept
    ]
    accurate = all(run.measure.name == render.ACCURACY for run in kept if run.score is not None)
    head = ["folder", "acc, %" if accurate else "score", "state", "method", "data", "density", "age"]
    table.show(head, rows, paths=True)
    if any(run.score is not None and run.of == "validation" for run in kept):
        table.say("v: of validation, after the short training of a search; others: of test")


def _score(run: Held) -> str:
    if run.score is None or not math.isfinite(run.score):
        return "" if run.score is None else render.DIVERGED
    named = "" if run.measure.name == render.ACCURACY else f"{run.measure.short} "
    return f"{named}{run.measure.cell(100 * run.score)}{' v' if run.of == 'validation' else ''}"


def age(seconds: float) -> str:
    """A time span in its largest unit: 3 min, 2 d."""
    size, unit = next((each for each in UNITS if seconds >= each[0]), UNITS[-1])
    return f"{max(0, seconds) // size:.0f} {unit}"
