"""`nets-deap train`: train a ticket to the end."""

from __future__ import annotations

import json
import zlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import render
from .options import dataset_options, option, output_options, run_options, training_options

if TYPE_CHECKING:
    from nets_deap.config import TrainConfig
    from nets_deap.final_training import TrainingRun
    from nets_deap.ticket import Ticket

SUMMARY = "summary.json"


@click.command()
@click.argument("ticket", metavar="TICKET")
@dataset_options
@training_options
@option("--eval-every", type=int, metavar="N", help="Iterations between two evaluations; 0 is once an epoch.")
@option("--random", type=int, metavar="N", help="Train N random tickets of the same density beside it.")
@run_options
@output_options
def train(
    ticket: str, quiet: bool, as_json: bool, preset: str | None, config: str | None, **options: Any
) -> None:
    """Train TICKET, a file or a run folder, to the end.

    The recipe is that of the ticket's own run, and its length the data set's, unless said otherwise.
    Writes training.csv, the trained weights (apart from the ticket), and a summary.
    """
    from nets_deap.checkpoint import TICKET
    from nets_deap.config import TrainConfig, defaults, explicit, layered, validate
    from nets_deap.ticket import load

    path = Path(ticket) / TICKET if Path(ticket).is_dir() else Path(ticket)
    loaded = load(path)
    given = explicit(TrainConfig, preset, config, **options)
    own = {key: value for key, value in loaded.config.items() if key in TrainConfig.model_fields}
    length = {"epochs", "iterations"}
    own = {key: value for key, value in own.items() if key not in length}
    settled = validate(TrainConfig, layered(defaults(TrainConfig, own | given), own, given))
    folder = Path(settled.out) if settled.out else path.parent / _folder_name(settled, loaded)
    if (folder / SUMMARY).exists():
        if not quiet:
            click.echo(f"{folder} is finished: nothing to do", err=as_json)
        summary = json.loads((folder / SUMMARY).read_text())
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise click.UsageError(f"{folder} exists and is not empty: choose another --out")
    else:
        summary = _train(settled, loaded, folder, quiet or as_json)
    if as_json:
        click.echo(json.dumps(summary))
    elif not quiet:
        _show(summary, folder)


def _folder_name(config: TrainConfig, ticket: Ticket) -> str:
    content = zlib.crc32(ticket.mask.tobytes(), zlib.crc32(ticket.weights.tobytes()))
    return f"train-{config.seed}-{config.fingerprint()}-{content:08x}"


def _train(config: TrainConfig, ticket: Ticket, folder: Path, quiet: bool) -> dict[str, Any]:
    """Train the ticket and its controls, write the folder, and return the summary."""
    from nets_deap import checkpoint, files
    from nets_deap.final_training import check_ticket, train_ticket
    from nets_deap.parallel import make_map
    from nets_deap.randomness import Role, generator
    from nets_deap.search.random import random_ticket

    problem = config.problem()
    check_ticket(problem, ticket)
    files.make_folder(folder)
    device = config.torch_device()
    train_one = partial(
        train_ticket, problem=problem, seed=config.seed, eval_every=config.eval_every, device=device
    )
    steps = problem.recipe.steps(len(problem.data.train.y))
    with render.progress(steps, quiet, "iteration") as report:
        run = train_one(ticket, on_row=lambda row: report(int(row["iteration"]), _line(row)))
    checkpoint.write_csv(folder / "training.csv", run.rows)
    files.write_safetensors(
        folder / "trained.safetensors",
        {"weights": run.weights, "early_stop_weights": run.early_stop_weights, "mask": ticket.mask},
        {"format": "nets-deap trained weights 1"},
    )
    summary: dict[str, Any] = {"folder": str(folder), "ticket": run.summary()}
    if config.random:
        if not quiet:
            click.echo(f"training {config.random} random tickets of the same density…")
        active = int(ticket.mask.sum())
        controls = [
            random_ticket(problem, active, generator(config.seed, i, Role.CONTROLS))
            for i in range(config.random)
        ]
        engine = make_map(config.map, config.workers, device)
        try:
            runs: list[TrainingRun] = engine(train_one, controls)
        finally:
            engine.close()
        rows = [{"ticket": f"random-{i}", **row} for i, run in enumerate(runs, start=1) for row in run.rows]
        checkpoint.write_csv(folder / "random.csv", rows)
        summary["random"] = [run.summary() for run in runs]
    checkpoint.write_config(folder, config)
    files.write_text(folder / SUMMARY, json.dumps(summary, indent=2) + "\n")
    return summary


def _line(row: dict[str, float]) -> str:
    return f"val loss {row['val_loss']:.4f}  val acc {render.percent(row['val_acc'])}"


def _show(summary: dict[str, Any], folder: Path) -> None:
    """The ticket beside the mean of its random controls, at early stop and at the end."""
    from nets_deap.experiment import mean_interval

    columns = {
        "density": "density",
        "early stop at": "early_stop_iteration",
        "test loss": "test_loss",
        "test acc": "test_acc",
        "at the end": "final_test_acc",
    }

    def shown(key: str, values: list[float]) -> str:
        def text(value: float) -> str:
            if key in ("density", "test_acc", "final_test_acc"):
                return render.percent(value)
            return f"{value:.0f}" if key == "early_stop_iteration" else f"{value:.4f}"

        mean, half_width = mean_interval(values)
        return text(mean) if len(values) == 1 or key == "density" else f"{text(mean)} ± {text(half_width)}"

    rows = [["ticket", *(shown(key, [summary["ticket"][key]]) for key in columns.values())]]
    if controls := summary.get("random"):
        name = "random" if len(controls) == 1 else f"mean of {len(controls)} random"
        rows.append([name, *(shown(key, [c[key] for c in controls]) for key in columns.values())])
    click.echo()
    render.table(["", *columns], rows)
    click.echo(
        "early stop: where the validation loss is least; test figures are taken there; ±: 95 % interval"
    )
    click.echo(f"training: {folder / 'training.csv'}\nweights:  {folder / 'trained.safetensors'}")
