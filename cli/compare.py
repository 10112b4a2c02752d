"""`nets-deap compare`: compare search methods on paired seeds."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nets_deap.experiments.config import CompareConfig

from . import again, journal, json_out, method_list, progress, render, table
from .options import (
    command,
    config_options,
    fresh_option,
    option,
    output_options,
    printable,
    source_options,
    worded,
)

if TYPE_CHECKING:
    from nets_deap.experiments.budgets import Plan, Spent
    from nets_deap.experiments.summary import Comparison, Summary
    from nets_deap.models.measure import Measure


@command()
@config_options(
    CompareConfig,
    out="The folder to write to; what is there already is not run again. [runs/compare-…]",
)
@source_options("paper, lth or quick")
@option("--list-methods", is_flag=True, help="Show what each search method needs and gives, and end.")
@fresh_option
@output_options
def compare(
    trust: bool | None,
    list_methods: bool | None,
    fresh: bool,
    quiet: bool,
    as_json: bool,
    preset: str | None,
    config: str | None,
    **options: Any,
) -> int:
    """Compare search methods on paired seeds.

    Every ticket is trained to the end; the test set is looked at once. Writes trials.csv (a row for each
    trial), summary.csv, a paper's table as table.md and table.tex, and every ticket and training.
    Interrupted, or with more seeds, densities or methods, the same command continues where it was.
    """
    if list_methods:
        return method_list.show()
    from nets_deap.config.layers import configure, explicit
    from nets_deap.experiments import budgets, comparison
    from nets_deap.experiments.arms import label
    from nets_deap.experiments.comparison_folder import default_folder

    sources = (CompareConfig, preset, config, bool(trust))
    plan = budgets.plan(configure(*sources, **options))
    settled = plan.config
    if not quiet:
        render.tell_network(settled, explicit(*sources, **options))
    journal.settings(settled)
    if not (quiet or as_json):
        _tell_plan(plan)
    folder = Path(settled.out) if settled.out else default_folder(settled)
    if fresh:
        render.set_aside(folder, "methods", "a comparison", settled)
    start = time.monotonic()
    total, measure = len(comparison.trials_of(settled)), render.measure(settled, folder)

    def named(trial: Any) -> str:
        return f"{label(trial.method, settled.arms)} at {trial.density:g}, seed {trial.seed}"

    def line(outcome: Any) -> str | None:
        return None if outcome is None else _line(outcome, settled, measure)

    try:
        with (
            settled.engine() as engine,
            progress.shown(total, quiet or as_json, "trial", named=named) as report,
        ):
            result = comparison.compare(
                settled, folder, engine, lambda done, of, outcome: report(done, line(outcome), of)
            )
    except KeyboardInterrupt:
        click.echo(f"interrupted; finished trials are in {printable(folder)}: {again.same()}", err=True)
        return 130
    if as_json:
        summary = [s.row() for s in result.summaries()]
        json_out.tell({"folder": str(folder), "summary": summary})
    elif not quiet:
        render.tell_metric(measure)
        show(result, folder, time.monotonic() - start, measure)
        if settled.shard:
            click.echo(f"this is shard {settled.shard}: `nets-deap merge` joins it with the others")
    _tell_unequal(result)
    for trial, error in result.failed.items():
        name = label(trial.method, settled.arms)
        click.echo(f"failed: {name} at {trial.density:g}, seed {trial.seed}: {worded(error)}", err=True)
    if result.failed:
        click.echo(f"{len(result.failed)} of the trials failed: the same command repeats them", err=True)
    return 1 if result.failed else 0


def _tell_plan(plan: Plan) -> None:
    """What each method was stretched to."""
    from nets_deap.experiments.arms import label

    for given, new in plan.became.items():
        name = label(new, plan.config.arms)
        became = "stays as it is" if new == given else f"becomes {new}"
        why = f" ({plan.why[given]})" if plan.why[given] else ""
        click.echo(f"{given if name == str(new) else name} {became}{why}")


def _line(outcome: Any, config: CompareConfig, measure: Measure) -> str:
    from nets_deap.experiments.arms import label
    from nets_deap.search.registry import parse

    if isinstance(outcome, str):
        return f"failed: {worded(outcome)}"
    return (
        f"{label(parse(outcome['method']), config.arms)} at {outcome['asked']:g}, seed {outcome['seed']}: "
        f"{render.score(measure, outcome['test_acc'], named=True)}"
        + ("" if math.isfinite(outcome["test_loss"]) else ", diverged")
    )


def show(comparison: Comparison, folder: Path, seconds: float, measure: Measure) -> None:
    from nets_deap.experiments.arms import label
    from nets_deap.experiments.paper_table import remarks
    from nets_deap.experiments.summary import reference_of
    from nets_deap.search.registry import gives_ticket

    summaries = comparison.summaries()
    several = len(comparison.config.densities) > 1
    limited = any(summary.spent() for summary in summaries)
    headers = [
        "method",
        f"test {measure.head}",
        *["asked"] * several,
        "better by",
        "p (Holm)",
        "search steps",
        *["used / allowed"] * limited,
        "density",
        "p",
        "early stop at",
        "search s",
    ]
    rows = [
        _row(each, "" if gives_ticket(each.method) else "*", several, limited, measure) for each in summaries
    ]
    click.echo()
    table.show(headers, rows)
    reference = reference_of(comparison.config)
    named = label(reference, comparison.config.arms)
    beside = any(summary.paired_with != reference for summary in summaries)
    table.say(
        f"test {measure.name}: mean over seeds ± 95 % interval, at early stop; better by: in "
        f"{measure.points}, paired, against {named} at the same density"
        + ", a NeTS's random tickets against the NeTS" * beside
        + "; p (Holm) of the t-test: corrected for all tests of this table"
    )
    if not all(gives_ticket(each.method) for each in summaries):
        table.say("* a trained network, not a ticket")
    for remark in remarks(comparison, summaries):
        table.say(remark)
    click.echo(f"{printable(folder / 'trials.csv')}, summary.csv, table.md and .tex ({seconds:.0f} s)")


def _row(summary: Summary, mark: str, several: bool, limited: bool, measure: Measure) -> list[str]:
    told, difference = summary.row(), summary.difference()
    return [
        f"{summary.name}{mark}",
        measure.between(told["test_acc"], told["test_acc_half_width"] if told["seeds"] > 1 else math.nan),
        *[f"{100 * summary.density:g} %"] * several,
        measure.between(measure.better(difference.mean), difference.half_width, "+") if difference else "",
        "" if summary.p_holm is None else render.p_value(summary.p_holm),
        f"{told['search_gradient_steps']:,.0f}",
        *[_used(summary.spent())] * limited,
        render.percent(told["density"]),
        render.p_value(difference.p_value) if difference else "",
        f"{told['early_stop_iteration']:.0f}",
        f"{sum(summary.values('search_seconds')) / len(summary.rows):.1f}",
    ]


UNITS = {"gradient_steps": "", "samples": " samples", "forward_passes": " passes"}


def _used(spent: Spent | None) -> str:
    return f"{spent.used:,.0f} / {spent.allowed:,}{UNITS[spent.unit]}" if spent else ""


def _tell_unequal(comparison: Comparison) -> None:
    """A note if the searches have used parts of their budgets that differ."""
    if told := comparison.unequal():
        least, most = (f"{each.name} {100 * share:.0f} %" for share, each in told)
        stretch = "" if comparison.config.equal_budget else "; --equal-budget stretches methods to a budget"
        render.note(
            f"budgets are not equal: at {told[0][1].density:g} {least} and {most} of what is allowed{stretch}"
        )
