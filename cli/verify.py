"""`nets-deap verify TICKET`: is it a winning ticket?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

from nets_deap.experiments.config import VerifyConfig
from nets_deap.util import json_text

from . import again, journal, json_out, progress, render, table, tickets
from .options import (
    command,
    config_options,
    fresh_option,
    option,
    output_options,
    printable,
    source_options,
)

if TYPE_CHECKING:
    from nets_deap.experiments.verdict import Verdict
    from nets_deap.models.measure import Measure

CHECKSUM = "ticket.crc32"
ADDED = ("seeds", "margin", "at_most")  # with other values of these, a verdict goes on in the same folder
EXIT_CODES = {True: 0, False: 3, None: 4}


@command()
@click.argument("ticket", metavar="TICKET")
@config_options(
    VerifyConfig,
    out="The folder to write to. [beside the ticket]",
)
@source_options("paper, lth or quick")
@fresh_option
@output_options
@option("--exit-code", is_flag=True, help="0: winning, 3: not winning, 4: undecided.", group="output")
def verify(
    ticket: str,
    fresh: bool,
    quiet: bool,
    as_json: bool,
    preset: str | None,
    config: str | None,
    exit_code: bool,
    **options: Any,
) -> int:
    """Say whether TICKET is a winning one.

    It is trained beside its dense network and controls, identically. A winning ticket (NeTS paper,
    Definition 3) reaches its least validation loss no later than the dense network, is no less accurate
    on the test set there, and is much smaller. The verdict goes by 95 % intervals of paired differences;
    where they do not decide, it says how many more seeds probably would. Writes verify.csv and
    verdict.json; the same command with more seeds goes on there.
    """
    from nets_deap.experiments.resumed import rows_in
    from nets_deap.experiments.verdict import NETWORKS, ROWS, Trained, check, content, order
    from nets_deap.experiments.verdict import verify as judge
    from nets_deap.util import files

    path, loaded, settled = tickets.load(ticket, VerifyConfig, preset, config, options)
    journal.settings(settled)
    problem = settled.problem()
    check(loaded, problem)
    checksum = content(loaded, problem)
    alike = settled.model_copy(update={name: VerifyConfig.model_fields[name].default for name in ADDED})
    folder = tickets.folder_of(path, f"verify-{alike.fingerprint()}-{checksum}", settled.out)
    seeds = list(range(settled.seed, settled.seed + settled.seeds))
    total, measure = len(seeds) * len(NETWORKS), render.measure(settled)
    marks = ("at_most", "a verdict")

    def named(item: tuple[str, int]) -> str:
        return "{}, seed {}".format(*item)

    if fresh:
        render.set_aside(folder, *marks, settled)
    try:
        with (
            settled.engine() as engine,
            rows_in(folder, ROWS, settled, marks, checksum, order, Trained, ADDED, CHECKSUM) as rows,
            progress.shown(total, quiet or as_json, "training", named=named) as report,
        ):

            def tell(row: dict[str, Any]) -> None:
                rows.add(row)
                done = sum(row["seed"] in seeds for row in rows.known)
                score = render.score(measure, row["test_acc"], named=True)
                report(done, f"{row['network']}, seed {row['seed']}: {score}")

            judged = (settled.eval_every, settled.margin, settled.at_most)
            verdict, trained = judge(loaded, problem, seeds, engine, *judged, tell, tuple(rows.known), folder)
            files.write_text(folder / "verdict.json", json_text.dumps(_result(verdict), indent=2) + "\n")
    except KeyboardInterrupt:
        click.echo(
            f"interrupted; finished trainings are in {printable(folder)}: {again.same()}",
            err=True,
        )
        return 130
    if as_json:
        json_out.tell({"folder": str(folder), **_result(verdict)})
    elif not quiet:
        render.tell_metric(measure)
        _show(verdict, trained, measure)
        click.echo(printable(folder / ROWS))
    return EXIT_CODES[verdict.winning] if exit_code else 0


def _result(verdict: Verdict) -> dict[str, Any]:
    return {
        "verdict": verdict.text,
        "conditions": verdict.conditions,
        "early_stop_later": verdict.later._asdict(),
        "accuracy_better": verdict.better._asdict(),
        "accuracy_beside": {name: told._asdict() for name, told in verdict.beside.items()},
        "density": verdict.density,
        "seeds": verdict.seeds,
        "seeds_that_would_decide": verdict.enough_seeds,
        "margin": verdict.margin,
        "at_most": verdict.at_most,
    }


def _show(verdict: Verdict, rows: list[dict[str, Any]], measure: Measure) -> None:
    from nets_deap.experiments.verdict import NETWORKS
    from nets_deap.util.statistics import holm, mean_interval

    p_values = [told.p_value for told in verdict.beside.values()]
    corrected = dict(zip(verdict.beside, holm(p_values), strict=True))
    shown = []
    for name in NETWORKS:
        of_it = [row for row in rows if row["network"] == name]
        stop = mean_interval([row["early_stop_iteration"] for row in of_it])
        beside = verdict.beside.get(name)
        shown.append(
            [
                name,
                _interval([row["test_acc"] for row in of_it], measure),
                measure.between(beside.mean, beside.half_width, "+") if beside else "",
                render.p_value(corrected[name]) if beside else "",
                render.percent(of_it[0]["density"]),
                f"{stop.mean:.0f} ± {stop.half_width:.0f}",
            ]
        )
    click.echo()
    table.show(
        ["", f"test {measure.head}", "ticket better by", "p (Holm)", "density", "early stop at"], shown
    )
    table.say(
        f"±: 95 % interval; better by: {measure.points}, paired; p of the t-test, corrected for this table "
        "(Holm)"
    )
    wild = dict.fromkeys(row["network"] for row in rows if not math.isfinite(row["val_loss"]))
    if wild:
        click.echo(f"{render.DIVERGED}, with some seed: {', '.join(wild)}")
    words = {True: "yes", False: "no", None: "undecided"}
    fast, accurate, smaller = (words[held] for held in verdict.conditions.values())
    later, better = verdict.later, verdict.better
    table.say(
        f"as fast as the dense network: {fast} (iterations later: {later.mean:+.0f} ± {later.half_width:.0f}"
        + ", both still learning in the end" * verdict.unfinished
        + ")"
    )
    margin = f", margin {verdict.margin * measure.scale / 100:g}" if verdict.margin else ""
    difference = measure.between(better.mean, better.half_width, "+")
    what = "as accurate" if measure.share else "as good"
    table.say(f"{what}: {accurate} ({measure.points} better: {difference}{margin})")
    table.say(f"much smaller: {smaller} ({render.percent(verdict.density)} of the weights)")
    if verdict.seeds == 1:
        table.say("on full batches all trainings of a network are the same: ± 0 is no interval")
    table.say(f"verdict: {verdict.text}")
    if verdict.winning is None and verdict.learnt and verdict.seeds > 1:
        _advise(verdict)


def _interval(values: list[float], measure: Measure) -> str:
    from nets_deap.util.statistics import mean_interval

    return measure.between(*mean_interval([100 * value for value in values]))


def _advise(verdict: Verdict) -> None:
    """What would decide."""
    from nets_deap.experiments.more_seeds import MOST

    if (seeds := verdict.enough_seeds) is not None:
        table.say(f"{seeds} seeds would probably decide, if difference and spread stay as they are:")
        click.echo(f"    {printable(again.command(seeds=seeds))}")
    elif not verdict.unfinished:
        more = "; --margin says how many points do not matter"
        table.say(
            f"not even {MOST:,} seeds would probably decide, so near are the two"
            + more * (verdict.conditions["is as accurate"] is None)
        )
