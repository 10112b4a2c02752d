"""`nets-deap evolve`: search for a ticket by evolution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from nets_deap.evolution.settings import EvolveConfig

from . import journal, json_out, progress, render
from .options import (
    command,
    config_options,
    fresh_option,
    option,
    output_options,
    printable,
    quoted,
    source_options,
)

if TYPE_CHECKING:
    from pathlib import Path

    from nets_deap.evolution.folder import Outcome
    from nets_deap.evolution.run import Evolution
    from nets_deap.models.measure import Measure
    from nets_deap.util.tables import Row


@command()
@config_options(EvolveConfig)
@source_options("best, paper, lth or quick")
@option("--resume", is_flag=True, help="Go on, as is done anyway.", group="running", common=False)
@fresh_option
@option("--list-selections", is_flag=True, help="Show every selection operator, and end.")
@output_options
def evolve(
    trust: bool | None,
    resume: bool | None,
    fresh: bool,
    list_selections: bool | None,
    quiet: bool,
    as_json: bool,
    preset: str | None,
    config: str | None,
    **options: Any,
) -> int:
    """Evolve a ticket: initial weights and a mask, by DEAP.

    Writes a run folder with config.json, logbook.csv, ticket.safetensors and a checkpoint.
    """
    if list_selections:
        return _list_selections()
    from nets_deap.config import run_folder
    from nets_deap.config.layers import explicit
    from nets_deap.evolution import checkpoint, selection
    from nets_deap.evolution.folder import evolve as run
    from nets_deap.evolution.folder import is_complete, settle
    from nets_deap.evolution.maps import make_map
    from nets_deap.evolution.record import finished

    given = explicit(EvolveConfig, preset, config, bool(trust), **options)
    settled, folder = settle(given, resume=True, trust=bool(trust), fresh=fresh)
    settled.check_effect({name for name, value in options.items() if value is not None})
    journal.settings(settled)
    if not quiet and (fresh or run_folder.is_free(folder)):
        render.tell_network(settled, given)
    if fresh:
        render.set_aside(folder, "pop", "an evolution", settled)
    logbook: list[Row] = []
    if not run_folder.is_free(folder):
        logbook = checkpoint.read_logbook(folder)
        over = finished(settled, logbook)
        if over and is_complete(folder):
            run_folder.check_origin(folder, settled.problem())
            _tell_finished(folder, over, settled, quiet, as_json)
            return 0
        if logbook and not quiet:
            render.note(f"the run in {folder} goes on after generation {logbook[-1]['gen']}")
    if not quiet and not selection.parse(settled.select).has_pressure:
        render.note(f"--select {settled.select} has no selection pressure: better genomes are not favoured")
    measure = render.measure(settled)
    engine = make_map(
        settled.map, settled.workers, settled.torch_device(), settled.eval_timeout, settled.scheduler
    )
    try:
        begun = logbook[-1]["gen"] if logbook else -1
        with progress.shown(settled.gens, quiet or as_json, "generation", begun=begun) as report:
            outcome = run(
                settled,
                folder,
                engine,
                lambda evolution, row: report(row["gen"], _line(row, measure)),
                on_note=render.note,
            )
    finally:
        engine.close()
    _tell(outcome, settled, measure, quiet, as_json)
    return 130 if outcome.reason == "interrupted" else 0


def _line(row: Row, measure: Measure) -> str:
    return (
        f"fitness {render.loss(row['fitness_min'])}  density {render.percent(row['density_best'])}"
        f"  val {measure.short} {render.score(measure, row['val_acc_best'])}"
    )


def _tell_finished(folder: Path, reason: str, config: EvolveConfig, quiet: bool, as_json: bool) -> None:
    if as_json:
        json_out.tell(_result(folder, reason, finished=True))
    elif not quiet:
        more = f"nets-deap evolve --out {quoted(folder)} --gens MORE{render.trust(config)}"
        click.echo(f"{printable(folder)} is finished ({reason}); to continue: {more}")


def _tell(outcome: Outcome, config: EvolveConfig, measure: Measure, quiet: bool, as_json: bool) -> None:
    """Print the result, or how to continue."""
    from nets_deap.evolution.checkpoint import read_logbook

    folder, reason = outcome.folder, outcome.reason
    if as_json:
        json_out.tell(_result(folder, reason, outcome.finished))
    if not outcome.finished:
        if saved := read_logbook(folder):
            click.echo(
                f"{reason} after generation {saved[-1]['gen']}, which is saved; "
                f"to continue: nets-deap evolve --out {quoted(folder)}{render.trust(config)}",
                err=True,
            )
        else:
            click.echo(f"{reason} before generation 0 was complete: nothing is saved", err=True)
    elif not (quiet or as_json):
        render.tell_metric(measure)
        _show(outcome.evolution, outcome, config, measure)


def _result(folder: Path, reason: str, finished: bool) -> dict[str, Any]:
    from nets_deap.config.run_folder import TICKET
    from nets_deap.evolution.checkpoint import read_logbook
    from nets_deap.problem.ticket import load_ticket

    result: dict[str, Any] = {"folder": str(folder), "finished": finished, "reason": reason}
    if logbook := read_logbook(folder):
        ticket = load_ticket(folder / TICKET)
        result |= {
            "ticket": str(folder / TICKET),
            "generations": logbook[-1]["gen"],
            "density": ticket.density,
            **ticket.info,
        }
    return result


def _show(evolution: Evolution, outcome: Outcome, config: EvolveConfig, measure: Measure) -> None:
    ticket, folder = evolution.ticket(), outcome.folder
    click.echo(
        f"\nTicket after {outcome.reason}, last evaluated in generation {ticket.info['generation']}: "
        f"density {render.percent(ticket.density)}"
    )
    judged = "after the brief training" if config.recipe().trains else "untrained"
    click.echo(
        f"  {judged}: validation loss {render.loss(ticket.info['val_loss'])}, "
        f"{measure.name} {render.score(measure, ticket.info['val_acc'])}"
    )
    if "untrained_loss" in ticket.info:
        click.echo(
            f"  untrained: validation loss {render.loss(ticket.info['untrained_loss'])}, "
            f"{measure.name} {render.score(measure, ticket.info['untrained_acc'])}"
        )
    front = folder / "front.csv"
    if front.exists():
        click.echo(f"  Pareto front of {len(evolution.hall)} tickets: {printable(front)}")
    for what, name in {"ticket: ": "ticket.safetensors", "logbook:": "logbook.csv"}.items():
        click.echo(f"  {what} {printable(folder / name)}")
    click.echo(f"Train it to the end: nets-deap train {quoted(folder)}{render.trust(config)}")


def _list_selections() -> int:
    from nets_deap.evolution.selection import table

    for name, arguments, objectives, algorithms, note in table():
        click.echo(f"{name}{':' + arguments if arguments else ''}")
        click.echo(f"    on {objectives}; {algorithms}" if algorithms != "refused" else "    refused")
        click.echo(f"    {note}")
    return 0
