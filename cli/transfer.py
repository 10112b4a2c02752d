"""`nets-deap transfer TICKET` and `nets-deap connectivity TICKET [TICKET]`."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import render, tickets
from .options import combined, dataset_options, option, output_options, training_options

if TYPE_CHECKING:
    from nets_deap.problem.ticket import Ticket

run_options = combined(
    option("--map", "map", metavar="NAME", help="serial or multiprocess. [multiprocess]"),
    option("--workers", type=int, metavar="N", help="Worker processes. [all cores]"),
    option("--out", metavar="DIR", help="The folder to write to. [beside the ticket]"),
    option("--preset", metavar="NAME", help="paper, lth or quick; what else is said weighs more."),
    option("--config", metavar="FILE", help="A TOML file of options."),
)


TRANSFER, CONNECTIVITY = "transfer.csv", "connectivity.csv"


def _content(of: list[Ticket]) -> str:
    content = 0
    for ticket in of:
        content = zlib.crc32(ticket.mask.tobytes(), zlib.crc32(ticket.weights.tobytes(), content))
    return f"{content:08x}"


def _folder(settled: Any, ticket: Path, name: str, of: list[Ticket]) -> Path:
    one = settled.model_copy(update={"seeds": 1})  # more seeds go into the same folder
    return Path(settled.out) if settled.out else ticket.parent / f"{name}-{one.fingerprint()}-{_content(of)}"


class _Rows:
    """A csv that grows row by row, and is gone on with."""

    def __init__(self, path: Path) -> None:
        from nets_deap.util import tables

        self.path, self.write = path, tables.write_csv
        self.known: list[dict[str, Any]] = tables.read_csv(path) if path.exists() else []

    def add(self, rows: list[dict[str, Any]]) -> None:
        self.known += rows
        # In an order that does not depend on who was first
        self.known.sort(key=lambda row: (row["seed"], row.get("ticket", ""), row.get("alpha", 0.0)))
        self.write(self.path, self.known)


@contextmanager
def _rows(folder: Path, name: str, settled: Any, mark: str, of: list[Ticket]) -> Iterator[_Rows]:
    """The rows in a folder that is this config's and these tickets'; says what is kept when interrupted."""
    from nets_deap.config import run_folder
    from nets_deap.util import files

    content = f"{_content(of)}\n"
    if files.strangers(folder) and not (folder / run_folder.CONFIG).exists():
        raise click.UsageError(f"{folder} exists and is not empty: choose another --out")
    with files.claimed_folder(folder):
        told = folder / "tickets.crc32"
        if told.exists() and told.read_text() != content:
            raise click.UsageError(f"{folder} holds what was found of another ticket: choose another --out")
        run_folder.claim(folder, settled, mark, "an experiment on a ticket", {"seeds"})
        files.write_text(told, content)
        try:
            yield _Rows(folder / name)
        except KeyboardInterrupt:
            click.echo(f"interrupted; what is finished is in {folder}: the same command goes on", err=True)
            raise click.exceptions.Exit(130) from None


@click.command()
@click.argument("ticket", metavar="TICKET")
@option("--to", metavar="NAME", help="sgd, momentum, adam, snes, pgpe, … [the ticket's own optimiser]")
@option("--es", metavar="OPTIONS", help="Of a strategy: pop=64,gens=300,batch=256,sigma=0.05,…")
@option("--seeds", type=int, metavar="N", help="Trainings of each ticket. [5]")
@dataset_options
@training_options
@run_options
@output_options
def transfer(
    ticket: str, quiet: bool, as_json: bool, preset: str | None, config: str | None, **options: Any
) -> int:
    """Train TICKET by another optimiser, by an evolution strategy, or on another data set.

    Beside it a random ticket of its density, and the target's own: found by IMP for an optimiser, by the
    strategy itself for a strategy. Writes transfer.csv.
    """
    from nets_deap.experiments import transfer as library
    from nets_deap.experiments.config import TransferConfig
    from nets_deap.parallel.choice import make_map
    from nets_deap.problem.recipe import OPTIMIZERS
    from nets_deap.util.statistics import mean_interval

    if options["optimizer"]:
        raise click.UsageError(f"--optimizer {options['optimizer']}: here it is --to that says who trains")
    path, loaded, settled = tickets.load(ticket, TransferConfig, preset, config, options)
    to = settled.to or settled.optimizer
    settled = settled.model_copy(update={"to": to})
    if to in OPTIMIZERS and to != settled.optimizer and options["lr"] is None:
        raise click.UsageError(
            f"--to {to}: the learning rate of {settled.lr:g} is {settled.optimizer}'s: give --lr"
        )
    for name in ("lr", "epochs", "iterations", "batch_size"):
        if to not in OPTIMIZERS and options[name] is not None:
            raise click.UsageError(f"--{name.replace('_', '-')} is for optimisers: {to} goes by --es")
    aim = library.target(settled.problem(), to, settled.es)
    library.check(loaded, aim)
    folder = _folder(settled, path, f"transfer-{to}", [loaded])
    seeds = range(settled.seed, settled.seed + settled.seeds)
    total = len(seeds) * len(library.NAMES)
    with (
        _rows(folder, TRANSFER, settled, "to", [loaded]) as rows,
        make_map(settled.map, settled.workers, "cpu") as engine,
        render.progress(total, quiet or as_json, "training") as report,
    ):

        def tell(row: dict[str, Any]) -> None:
            rows.add([row])
            done = sum(known["seed"] in seeds for known in rows.known)
            report(done, f"{row['ticket']}, seed {row['seed']}: {render.percent(row['test_acc'])}")

        found = library.transfer(loaded, aim, seeds, engine, tell, tuple(rows.known))
    if as_json:
        click.echo(json.dumps({"folder": str(folder), "rows": found}))
    elif not quiet:
        shown = []
        for name in library.NAMES:
            told = render.interval(mean_interval(library.accuracies(found, name).tolist()))
            density = next(row["density"] for row in found if row["ticket"] == name)
            shown.append([name, render.percent(density), told])
        click.echo()
        render.table([f"trained by {to}", "density", "test acc, %"], shown)
        click.echo(folder / TRANSFER)
    return 0


@click.command()
@click.argument("ticket", metavar="TICKET")
@click.argument("other", metavar="[TICKET]", required=False)
@option("--seeds", type=int, metavar="N", help="Lines, each of two trainings. [3]")
@option("--points", type=int, metavar="N", help="On a line. [30]")
@dataset_options
@training_options
@run_options
@output_options
def connectivity(
    ticket: str,
    other: str | None,
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
    from nets_deap.experiments.config import ConnectivityConfig
    from nets_deap.figures import connectivity as drawing
    from nets_deap.figures import style
    from nets_deap.parallel.choice import make_map
    from nets_deap.problem.ticket import load_ticket
    from nets_deap.util.statistics import mean_interval

    path, loaded, settled = tickets.load(ticket, ConnectivityConfig, preset, config, options)
    both = [loaded] if other is None else [loaded, load_ticket(tickets.file_of(other))]
    library.check(both, settled.problem())
    folder = _folder(settled, path, "connectivity", both)
    seeds = range(settled.seed, settled.seed + settled.seeds)
    with _rows(folder, CONNECTIVITY, settled, "points", both) as kept:
        have = {row["seed"] for row in kept.known}
        with (
            make_map(settled.map, settled.workers, "cpu") as engine,
            render.progress(len(seeds), quiet or as_json, "line") as report,
        ):

            def tell(rows: list[dict[str, Any]]) -> None:
                kept.add(rows)
                height = library.barrier(rows)
                report(len({row["seed"] for row in kept.known}), f"barrier {render.percent(height)}")

            missing = [seed for seed in seeds if seed not in have]
            library.connectivity(both, settled.problem(), missing, engine, settled.points, tell)
    rows = [row for row in kept.known if row["seed"] in seeds]
    figure = drawing.connectivity({"": rows})
    files = style.save(figure, folder, "connectivity")
    barriers = [library.barrier([row for row in rows if row["seed"] == seed]) for seed in seeds]
    if as_json:
        click.echo(json.dumps({"folder": str(folder), "barriers": barriers}))
    elif not quiet:
        told = render.interval(mean_interval([100 * height for height in barriers]))
        click.echo(f"barrier: {told} points of test error (lines: {len(barriers)})")
        click.echo("\n".join(str(file) for file in (folder / CONNECTIVITY, *files)))
    return 0
