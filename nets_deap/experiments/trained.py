"""The training of a ticket in a folder: saved as it goes, and the summary that it leaves."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from nets_deap.config import run_folder
from nets_deap.experiments import unfinished
from nets_deap.experiments.config import TrainConfig
from nets_deap.problem.problem import Problem
from nets_deap.problem.ticket import Ticket
from nets_deap.search.random_ticket import random_ticket
from nets_deap.tracking.log import tracked
from nets_deap.training.final import Row, TrainingRun, train_ticket
from nets_deap.training.standing import Kept, Standing
from nets_deap.util import digests, files, json_text, memory, tables
from nets_deap.util.errors import DamagedError, NetsError
from nets_deap.util.random_streams import Role, generator
from nets_deap.util.schema import Number, checked
from nets_deap.util.tensors import write_safetensors

SUMMARY, TRAINING, RANDOM, WEIGHTS = "summary.json", "training.csv", "random.csv", "trained.safetensors"
CONTROLS = "trials"  # a folder, for random tickets that are trained while others are not

logger = logging.getLogger(__name__)


def train_in(
    folder: Path,
    config: TrainConfig,
    ticket: Ticket,
    training: str,
    on_row: Callable[[Row], None] | None = None,
    on_control: Callable[[int], None] | None = None,
    on_note: Callable[[str], None] | None = None,
    on_begun: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Train a ticket and its controls in a held folder, from where they stand there; write all files.

    training: a name that only this training has; on_control: called with how many controls are trained
    on_begun: called with the iteration after which a training goes on
    An interruption leaves the ticket's training as of its last evaluation, the controls that are done, and
    where the others stood some seconds before.
    Returns the summary. Raises NetsError if the folder holds another training that is unfinished.
    """
    problem = config.problem()
    train_one = partial(train_ticket, problem=problem, seed=config.seed, eval_every=config.eval_every)

    def on_written(standing: Standing) -> None:
        tables.write_csv(folder / TRAINING, standing.rows)
        logger.info("saved: %s", tables.in_words(standing.rows[-1]))
        log.rows(standing.rows)

    settings = config.identity() | {"density": ticket.density}
    with (
        tracked(config.log, folder, settings) as log,
        Kept(folder / run_folder.CHECKPOINT, training, on_written) as kept,
    ):
        begun = kept.load()
        run_folder.begun(folder)
        log.begin(begun.rows if begun else [])
        run_folder.write_origin(folder, problem)
        run_folder.write_config(folder, config)
        if begun and on_note:
            on_note(f"the training in {folder} goes on after iteration {begun.step:,}")
        if begun and on_begun:
            on_begun(begun.step)

        run = train_one(ticket, on_row=on_row, begun=begun, on_standing=kept.note)
        if config.random:
            kept.write()
        beside = _controls(folder, config, ticket, training, train_one, problem, on_control)
        log.end(run.rows, run.summary())
    if config.random:
        rows = [{"ticket": f"random-{i}", **row} for i, told in enumerate(beside, 1) for row in told["rows"]]
        tables.write_csv(folder / RANDOM, rows)
    tables.write_csv(folder / TRAINING, run.rows)
    trained = {"weights": run.weights, "early_stop_weights": run.early_stop_weights, "mask": ticket.mask}
    if run.extras.size:
        trained |= {"extras": run.extras, "early_stop_extras": run.early_stop_extras}
    write_safetensors(folder / WEIGHTS, trained, {"format": "nets-deap trained weights 1"})
    logger.info("trained: %s", tables.in_words(_summary(run)))
    summary = {
        "folder": str(folder),
        "training": training,
        "ticket": _summary(run),
        "random": [told["summary"] for told in beside],
    }
    files.write_text(folder / SUMMARY, digests.sealed(json_text.without_wild(summary)))
    (folder / run_folder.CHECKPOINT).unlink(missing_ok=True)
    for i in range(config.random):
        _control(folder, i).unlink(missing_ok=True)
    with suppress(OSError):  # not there, or not empty: systems put files of theirs anywhere
        (folder / CONTROLS).rmdir()
    return summary


def _control(folder: Path, i: int) -> Path:
    return folder / CONTROLS / f"random-{i + 1}.json"


def _controls(
    folder: Path,
    config: TrainConfig,
    ticket: Ticket,
    training: str,
    train_one: Callable[[Ticket], TrainingRun],
    problem: Problem,
    on_control: Callable[[int], None] | None,
) -> list[dict[str, Any]]:
    """Rows and summaries of as many random tickets as the config asks for, of the ticket's density."""
    done: dict[int, dict[str, Any]] = {}
    for i in range(config.random):
        if (path := _control(folder, i)).exists():
            try:
                told = read_control(path)
            except DamagedError as error:
                logger.warning("%s: it is trained again", error)
                continue
            if told["training"] != training:
                raise NetsError(
                    f"{folder} holds another training, which is unfinished: choose another `out`, or `fresh`"
                )
            done[i] = told
    missing = [i for i in range(config.random) if i not in done]
    each = 9.0 * ticket.mask.size  # its weights, as float32 and trained, and its mask
    memory.check(len(missing) * each, f"{len(missing):,} random tickets", "take fewer by `random`")

    def tell(of: tuple[int, TrainingRun]) -> None:
        i, run = of
        logger.info("random ticket %d is trained: %s", i + 1, tables.in_words(_summary(run)))
        done[i] = {"training": training, "rows": run.rows, "summary": _summary(run)}
        files.write_text(_control(folder, i), digests.sealed(done[i]))
        if on_control:
            on_control(len(done))

    if missing:
        active = int(ticket.mask.sum())
        made = partial(_train_control, training=training, train_one=train_one, active=active, problem=problem)
        with config.engine() as engine:
            work = partial(made, seed=config.seed)
            unfinished.mapped(engine, work, missing, folder, lambda told: told[0], tell, done)
    return [done[i] for i in range(config.random)]


def _train_control(
    i: int,
    own: Path | None,
    training: str,
    train_one: Callable[..., TrainingRun],
    active: int,
    problem: Problem,
    seed: int,
) -> tuple[int, TrainingRun]:
    control = random_ticket(problem, active, generator(seed, i, Role.CONTROLS))
    return i, unfinished.train(own, f"{training}, random {i}", partial(train_one, control))


def _summary(run: TrainingRun) -> dict[str, Any]:
    return run.summary() | ({"diverged": True} if run.diverged else {})


class _Figures(BaseModel):
    density: Number
    early_stop_iteration: Number
    test_loss: Number | None  # None: the training diverged
    test_acc: Number
    final_test_acc: Number


class _Control(BaseModel):
    training: str
    rows: list[dict[str, Number]]
    summary: _Figures


class _Summary(BaseModel):
    training: str
    ticket: _Figures
    random: list[_Figures] = []


def read_control(path: Path) -> dict[str, Any]:
    """What an unfinished training keeps of a random ticket. Raises errors as `read_summary` does."""
    values = digests.opened(path)
    checked(_Control, values, path)
    return values


def read_summary(path: Path) -> dict[str, Any]:
    """The values in a training's summary.json. Raises NetsError if it cannot be read, DamagedError if they
    are not what was written."""
    values = digests.opened(path)
    checked(_Summary, values, path)
    return values
