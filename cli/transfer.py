"""`nets-deap transfer TICKET` and `nets-deap connectivity TICKET [TICKET]`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nets_deap.experiments.config import ConnectivityConfig, TransferConfig

from . import again, journal, json_out, progress, render, table, tickets
from .options import command, config_options, fresh_option, output_options, printable, source_options

if TYPE_CHECKING:
    from nets_deap.experiments.resumed import Rows
    from nets_deap.problem.ticket import Ticket

BESIDE = "The folder to write to. [beside the ticket]"
TRANSFER, CONNECTIVITY = "transfer.csv", "connectivity.csv"


def _content(of: list[Ticket]) -> str:
    from nets_deap.util.checksums import crc32

    return crc32(*(part for ticket in of for part in ticket.content()))


def _folder(settled: Any, ticket: Path, name: str, of: list[Ticket]) -> Path:
    one = settled.model_copy(update={"seeds": 1})  # so that more seeds go into the same folder
    return tickets.folder_of(ticket, f"{name}-{one.fingerprint()}-{_content(of)}", settled.out)


@contextmanager
def _rows(folder: Path, name: str, settled: Any, mark: str, of: list[Ticket], kind: type) -> Iterator[Rows]:
    """The rows in a folder; on an interruption, prints what is kept."""
    from nets_deap.experiments.resumed import rows_in

    def order(row: dict[str, Any]) -> tuple[Any, ...]:
        return row["seed"], row.get("ticket", ""), row.get("alpha", 0.0)

    try:
        what = (mark, "an experiment on a ticket")
        with rows_in(folder, name, settled, what, _content(of), order, kind) as rows:
            yield rows
    except KeyboardInterrupt:
        click.echo(f"interrupted; what is finished is in {printable(folder)}: {again.same()}", err=True)
        raise click.exceptions.Exit(130) from None


@command()
@click.argument("ticket", metavar="TICKET")
@config_options(TransferConfig, without=("optimizer",), out=BESIDE)
@source_options("paper, lth or quick")
@fresh_option
@output_options
def transfer(
    ticket: str,
    fresh: bool,
    quiet: bool,
    as_json: bool,
    preset: str | None,
    config: str | None,
    **options: Any,
) -> int:
    """Train TICKET by another optimiser, by an evolution strategy, or on another data set.

    Beside it a random ticket of its density, and the target's own: found by IMP for an optimiser, by the
    strategy itself for a strategy. Writes transfer.csv.
    """
    from nets_deap.experiments import transfer as library
    from nets_deap.problem.optimizer import is_optimizer
    from nets_deap.util.statistics import mean_interval

    path, loaded, settled = tickets.load(ticket, TransferConfig, preset, config, options)
    to = settled.to or settled.optimizer
    settled = settled.model_copy(update={"to": to})
    if is_optimizer(to) and to != settled.optimizer and options["lr"] is None:
        raise click.UsageError(
            f"--to {to}: the learning rate of {settled.lr:g} is {settled.optimizer}'s: give --lr"
        )
    for name in ("lr", "epochs", "iterations", "batch_size", "schedule", "clip", "label_smoothing"):
        if not is_optimizer(to) and options[name] is not None:
            raise click.UsageError(f"--{name.replace('_', '-')} is for optimisers: {to} goes by --es")
    aim = library.target(settled.problem(), to, settled.es)
    library.check(loaded, aim)
    folder = _folder(settled, path, f"transfer-{to}", [loaded])
    journal.settings(settled)
    if fresh:
        render.set_aside(folder, "to", "an experiment on a ticket", settled)
    seeds = range(settled.seed, settled.seed + settled.seeds)
    total, measure = len(seeds) * len(library.NAMES), render.measure(settled)

    def named(item: tuple[str, int]) -> str:
        return "{}, seed {}".format(*item)

    with (
        _rows(folder, TRANSFER, settled, "to", [loaded], library.Transferred) as rows,
        settled.engine() as engine,
        progress.shown(total, quiet or as_json, "training", named=named) as report,
    ):

        def tell(row: dict[str, Any]) -> None:
            rows.add(row)
            done = sum(known["seed"] in seeds for known in rows.known)
            report(
                done,
                f"{row['ticket']}, seed {row['seed']}: {render.score(measure, row['test_acc'], named=True)}",
            )

        found = library.transfer(loaded, aim, seeds, engine, tell, tuple(rows.known), folder)
    if as_json:
        json_out.tell({"folder": str(folder), "rows": found})
    elif not quiet:
        render.tell_metric(measure)
        shown = []
        for name in library.NAMES:
            told = measure.between(*mean_interval(library.accuracies(found, name).tolist()))
            density = next(row["density"] for row in found if row["ticket"] == name)
            shown.append([name, told, render.percent(density)])
        click.echo()
        table.show([f"trained by {to}", f"test {measure.head}", "density"], shown)
        click.echo(printable(folder / TRANSFER))
    return 0


@command()
@click.argument("ticket", metavar="TICKET")
@click.argument("other", metavar="[TICKET]", required=False)
@config_options(ConnectivityConfig, out=BESIDE)
@source_options("paper, lth or quick")
@fresh_option
@output_options
def connectivity(
    ticket: str,
    other: str | None,
    fresh: bool,
    quiet: bool,
    as_json: bool,
    preset: str | None,
    config: str | None,
    **options: Any,
) -> int:
    """Is there a barrier between two trainings of TICKET, on different data orders?

    Or between those of two tickets, on the same. The barrier is the highest test error on the line between
    the trained networks, less the mean of its ends. Writes connectivity.csv and a figure.
    """
    from nets_deap.experiments import connectivity as library
    from nets_deap.figures import connectivity as drawing
    from nets_deap.figures import style
    from nets_deap.problem.ticket import load_ticket
    from nets_deap.util.statistics import mean_interval

    path, loaded, settled = tickets.load(ticket, ConnectivityConfig, preset, config, options)
    both = [loaded] if other is None else [loaded, load_ticket(tickets.file_of(other))]
    library.check(both, settled.problem())
    folder = _folder(settled, path, "connectivity", both)
    journal.settings(settled)
    if fresh:
        render.set_aside(folder, "points", "an experiment on a ticket", settled)
    seeds, measure = range(settled.seed, settled.seed + settled.seeds), render.measure(settled)
    with _rows(folder, CONNECTIVITY, settled, "points", both, library.Point) as kept:
        points = Counter(row["seed"] for row in kept.known)  # a line that is cut is computed again
        kept.known = [row for row in kept.known if points[row["seed"]] == settled.points]
        have = {row["seed"] for row in kept.known}
        with (
            settled.engine() as engine,
            progress.shown(len(seeds), quiet or as_json, "line", named=lambda seed: f"seed {seed}") as report,
        ):

            def tell(rows: list[dict[str, Any]]) -> None:
                kept.add(*rows)
                height = library.barrier(rows)
                report(len({row["seed"] for row in kept.known}), f"barrier {render.score(measure, height)}")

            missing = [seed for seed in seeds if seed not in have]
            library.connectivity(both, settled.problem(), missing, engine, settled.points, tell, folder)
        rows = [row for row in kept.known if row["seed"] in seeds]
        files = style.save(drawing.connectivity({"": rows}, measure), folder, "connectivity")
    barriers = [library.barrier([row for row in rows if row["seed"] == seed]) for seed in seeds]
    if as_json:
        json_out.tell({"folder": str(folder), "barriers": barriers})
    elif not quiet:
        render.tell_metric(measure)
        told = measure.between(*mean_interval([100 * height for height in barriers]))
        of = "of test error" if measure.share else "on the test set"
        click.echo(f"barrier: {told} {measure.points} {of} (lines: {len(barriers)})")
        click.echo("\n".join(printable(file) for file in (folder / CONNECTIVITY, *files)))
    return 0
