"""`nets-deap train`: train a ticket to the end."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nets_deap.config.measured import METRIC
from nets_deap.config.run_folder import CHECKPOINT, CONFIG, DATA, VERSION
from nets_deap.experiments.config import TrainConfig
from nets_deap.tracking import names as trackers

from . import again, journal, json_out, progress, render, table, tickets
from .options import command, config_options, fresh_option, output_options, printable, source_options

if TYPE_CHECKING:
    from nets_deap.models.measure import Measure
    from nets_deap.problem.ticket import Ticket

SUMMARY = "summary.json"  # written last: if it exists, the training is complete
OF_ANY_RUN = (CONFIG, DATA, METRIC, VERSION)
FILES = (*OF_ANY_RUN, "figures", "random.csv", "trained.safetensors", "training.csv", "trials")


@command()
@click.argument("ticket", metavar="TICKET")
@config_options(TrainConfig, out="The folder to write to. [beside the ticket]")
@source_options("paper, lth or quick")
@fresh_option
@output_options
def train(
    ticket: str,
    fresh: bool,
    quiet: bool,
    as_json: bool,
    preset: str | None,
    config: str | None,
    **options: Any,
) -> None:
    """Train TICKET, a file or a run folder, to the end.

    The recipe is that of the ticket's own run, and its length the data set's, unless said otherwise; a
    ticket rewound to step k has k steps fewer to go.
    Writes training.csv, the trained weights (apart from the ticket), and a summary. Interrupted, the same
    command continues after the last evaluation.
    """
    from nets_deap.config import run_folder
    from nets_deap.training.final import check_ticket, to_go

    path, loaded, settled = tickets.load(ticket, TrainConfig, preset, config, options)
    journal.settings(settled)
    trackers.check(settled.log)
    name = _training_name(settled, loaded)
    folder = tickets.folder_of(path, name, settled.out)
    if fresh:
        check_ticket(settled.problem(), loaded)
        to_go(settled.problem(), loaded)
        render.set_aside(folder, "random", "a training", settled)
    if (summary := _finished(folder, name)) is not None:
        run_folder.check_origin(folder, settled.problem())
        if not quiet:
            click.echo(f"{printable(folder)} is finished: nothing to do", err=as_json)
    else:
        _refuse_strangers(folder)
        settled.torch_device()
        check_ticket(settled.problem(), loaded)
        to_go(settled.problem(), loaded)
        with _told_what_is_kept(folder), run_folder.held(folder, FILES):
            if (summary := _finished(folder, name)) is None:  # another process may have been here since
                _refuse_strangers(folder)
                if run_folder.holds_results(folder):
                    run_folder.check_origin(folder, settled.problem())
                summary = _train(settled, loaded, folder, name, quiet or as_json)
    if as_json:
        json_out.tell(summary)
    elif not quiet:
        measure = render.measure(settled)
        render.tell_metric(measure)
        _show(summary, folder, measure)


def _train(config: TrainConfig, ticket: Ticket, folder: Path, name: str, quiet: bool) -> dict[str, Any]:
    """Train the ticket and its controls, and tell how far they are."""
    from nets_deap.experiments.trained import train_in
    from nets_deap.training.final import to_go

    problem, measure = to_go(config.problem(), ticket), render.measure(config)
    steps = problem.recipe.steps(len(problem.data.train.y))
    with progress.shown(steps, quiet, "iteration", every=1.0) as report:

        def on_row(row: dict[str, float]) -> None:
            report(int(row["iteration"]), _line(row, measure))
            if int(row["iteration"]) == steps and config.random:
                on_control(0)

        def on_control(done: int) -> None:
            report(done, "of the same density", config.random, "random ticket")

        def on_begun(step: int) -> None:
            if isinstance(report, progress.Lines):
                report.begun = report.done = step
            if step == steps and config.random:
                on_control(0)

        note = None if quiet else render.note
        return train_in(folder, config, ticket, name, on_row, on_control, note, on_begun)


@contextmanager
def _told_what_is_kept(folder: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        kept = (folder / CHECKPOINT).exists()
        what = f"what is trained is saved: {again.same()}" if kept else "nothing is saved"
        click.echo(f"interrupted; {what}", err=True)
        raise click.exceptions.Exit(130) from None


def _refuse_strangers(folder: Path) -> None:
    from nets_deap.util import files

    if files.strangers(folder, (*FILES, SUMMARY, CHECKPOINT)):
        raise click.UsageError(f"{folder} exists and is not empty: choose another --out")


def _finished(folder: Path, name: str) -> dict[str, Any] | None:
    """The summary of this training, if its folder has all that a training leaves; None if it has not.

    Raises an error if the folder holds another training, or its summary cannot be read.
    """
    from nets_deap.experiments.trained import read_summary

    if not (folder / SUMMARY).exists():
        return None
    summary = read_summary(folder / SUMMARY)
    if summary["training"] != name:
        raise click.UsageError(f"{folder} holds another training: choose another --out, or --fresh")
    whole = all((folder / file).exists() for file in ("trained.safetensors", "training.csv"))
    return summary if whole else None


def _training_name(config: TrainConfig, ticket: Ticket) -> str:
    """A name that only this training of this ticket has."""
    from nets_deap.util.checksums import crc32

    return f"train-{config.seed}-{config.fingerprint()}-{crc32(*ticket.content())}"


def _line(row: dict[str, float], measure: Measure) -> str:
    scored = render.score(measure, row["val_acc"])
    return f"val loss {render.loss(row['val_loss'])}  val {measure.short} {scored}"


def _show(summary: dict[str, Any], folder: Path, measure: Measure) -> None:
    """Show the ticket and the mean of its random controls, at early stop and at the end."""
    from nets_deap.util.statistics import mean_interval

    columns = {
        f"test {measure.head}": "test_acc",
        f"at the end{', %' * measure.share}": "final_test_acc",
        "density": "density",
        "test loss": "test_loss",
        "early stop at": "early_stop_iteration",
    }

    def shown(key: str, values: list[float | None]) -> str:
        def text(value: float) -> str:
            if key == "density":
                return render.percent(value)
            if key in ("test_acc", "final_test_acc"):
                return measure.cell(100 * value) if math.isfinite(value) else render.DIVERGED
            return f"{value:.0f}" if key == "early_stop_iteration" else render.loss(value)

        mean, half_width = mean_interval([math.nan if value is None else value for value in values])
        alone = len(values) == 1 or key == "density" or not math.isfinite(mean)
        return text(mean) if alone else f"{text(mean)} ± {text(half_width)}"

    rows = [["ticket", *(shown(key, [summary["ticket"][key]]) for key in columns.values())]]
    if controls := summary.get("random"):
        name = "random" if len(controls) == 1 else f"mean of {len(controls)} random"
        rows.append([name, *(shown(key, [c[key] for c in controls]) for key in columns.values())])
    click.echo()
    table.show(["", *columns], rows)
    table.say(
        "early stop: where the validation loss is least; test figures are taken there"
        + "; ±: 95 % interval" * (len(controls or ()) > 1)
    )
    for what, name in {"training:": "training.csv", "weights: ": "trained.safetensors"}.items():
        click.echo(f"{what} {printable(folder / name)}")
