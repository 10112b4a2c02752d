"""`nets-deap verify TICKET`: is it a winning ticket?"""

from __future__ import annotations

import math
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nets_deap.experiments.config import VerifyConfig
from nets_deap.util import json_text

from . import json_out, render, table, tickets
from .options import command, config_options, output_options, source_options

if TYPE_CHECKING:
    from nets_deap.experiments.verdict import Verdict

CHECKSUM = "ticket.crc32"


@command()
@click.argument("ticket", metavar="TICKET")
@config_options(
    VerifyConfig,
    without=("device",),
    out="A folder for verify.csv and verdict.json. [none: nothing is saved]",
)
@source_options("paper, lth or quick")
@output_options
def verify(
    ticket: str, quiet: bool, as_json: bool, preset: str | None, config: str | None, **options: Any
) -> int:
    """Say whether TICKET is a winning one.

    It is trained beside its dense network and controls, identically. A winning ticket (NeTS paper,
    Definition 3) reaches its least validation loss no later than the dense network, is no less accurate
    on the test set there, and is much smaller. The verdict goes by 95 % intervals of paired differences;
    where they do not decide, it says so.
    """
    from nets_deap.experiments.resumed import Rows, rows_in
    from nets_deap.experiments.verdict import NETWORKS, ROWS, Trained, check, content, order
    from nets_deap.experiments.verdict import verify as judge
    from nets_deap.parallel.choice import make_map
    from nets_deap.util import files

    _, loaded, settled = tickets.load(ticket, VerifyConfig, preset, config, options)
    problem = settled.problem()
    check(loaded, problem)
    folder = Path(settled.out) if settled.out else None
    seeds = list(range(settled.seed, settled.seed + settled.seeds))
    total = len(seeds) * len(NETWORKS)
    marks = ("at_most", "a verdict")
    added = {"seeds", "margin", "at_most"}
    try:
        with (
            make_map(settled.map, settled.workers, "cpu") as engine,
            rows_in(folder, ROWS, settled, marks, content(loaded, problem), order, Trained, added, CHECKSUM)
            if folder
            else nullcontext(Rows(None, order)) as rows,
            render.progress(total, quiet or as_json, "training") as report,
        ):

            def tell(row: dict[str, Any]) -> None:
                rows.add(row)
                done = sum(row["seed"] in seeds for row in rows.known)
                report(done, f"{row['network']}, seed {row['seed']}: {render.percent(row['test_acc'])}")

            judged = (settled.eval_every, settled.margin, settled.at_most)
            verdict, trained = judge(loaded, problem, seeds, engine, *judged, tell, tuple(rows.known))
            if folder:
                files.write_text(folder / "verdict.json", json_text.dumps(_result(verdict), indent=2) + "\n")
    except KeyboardInterrupt:
        kept = (
            f"finished trainings are in {folder}: the same command continues"
            if folder
            else "nothing is saved"
        )
        click.echo(f"interrupted; {kept}", err=True)
        return 130
    if as_json:
        json_out.tell(_result(verdict))
    elif not quiet:
        render.tell_metric(settled)
        _show(verdict, trained)
    return 0


def _result(verdict: Verdict) -> dict[str, Any]:
    return {
        "verdict": verdict.text,
        "conditions": verdict.conditions,
        "early_stop_later": verdict.later._asdict(),
        "accuracy_better": verdict.better._asdict(),
        "density": verdict.density,
        "seeds": verdict.seeds,
        "margin": verdict.margin,
        "at_most": verdict.at_most,
    }


def _show(verdict: Verdict, rows: list[dict[str, Any]]) -> None:
    from nets_deap.experiments.verdict import NETWORKS
    from nets_deap.util.statistics import mean_interval

    shown = []
    for name in NETWORKS:
        of_it = [row for row in rows if row["network"] == name]
        accuracy = mean_interval([100 * row["test_acc"] for row in of_it])
        stop = mean_interval([row["early_stop_iteration"] for row in of_it])
        shown.append(
            [
                name,
                render.percent(of_it[0]["density"]),
                f"{stop.mean:.0f} ± {stop.half_width:.0f}",
                f"{accuracy.mean:.2f} ± {accuracy.half_width:.2f}",
            ]
        )
    click.echo()
    table.show(["", "density", "early stop at", "test acc, %"], shown)
    wild = dict.fromkeys(row["network"] for row in rows if not math.isfinite(row["val_loss"]))
    if wild:
        click.echo(f"{render.DIVERGED}, with some seed: {', '.join(wild)}")
    words = {True: "yes", False: "no", None: "undecided"}
    fast, accurate, smaller = (words[held] for held in verdict.conditions.values())
    later, better = verdict.later, verdict.better
    click.echo(
        f"as fast as the dense network: {fast} (iterations later: {later.mean:+.0f} ± {later.half_width:.0f})"
    )
    margin = f", margin {verdict.margin:g}" if verdict.margin else ""
    click.echo(
        f"as accurate: {accurate} (points better: {better.mean:+.2f} ± {better.half_width:.2f}{margin})"
    )
    click.echo(f"much smaller: {smaller} ({render.percent(verdict.density)} of the weights)")
    if verdict.seeds == 1:
        click.echo("on full batches all trainings of a network are the same: ± 0 is no interval")
    click.echo(f"verdict: {verdict.text}")
