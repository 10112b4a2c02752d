"""One trial of a comparison: search, train the ticket to the end, and record the cost of both."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field

from nets_deap.experiments import unfinished
from nets_deap.experiments.config import CompareConfig
from nets_deap.problem.budget import UNLIMITED, Budget, Cost
from nets_deap.problem.problem import Problem
from nets_deap.problem.ticket import Ticket, load_ticket
from nets_deap.search import controls
from nets_deap.search.method import Found, initial
from nets_deap.search.moving import Moving
from nets_deap.search.registry import method_of, parse
from nets_deap.search.sparse_training import SparseTraining
from nets_deap.search.spec import MethodSpec
from nets_deap.training.final import TrainingRun, to_go, train_network, train_ticket
from nets_deap.util import digests, files
from nets_deap.util.errors import DamagedError, NetsError
from nets_deap.util.random_streams import Role, generator
from nets_deap.util.schema import Cells, checked

Row = dict[str, Any]
LONGEST_NAME = 100  # characters of a method in a file name


class Key(BaseModel):
    """The columns of a row that say which trial it is of."""

    method: str
    asked: Annotated[float, Field(strict=True, gt=0, le=1)]
    seed: Annotated[int, Field(strict=True, ge=0)]


class Kept(BaseModel):
    """A trial's own file."""

    trial: Cells
    logbook: list[Cells]
    training: list[Cells]


@dataclass(frozen=True)
class Trial:
    """A method at a density with a seed. With the config, this decides the result."""

    method: MethodSpec
    density: float
    seed: int

    @classmethod
    def of(cls, row: Row) -> Trial:
        """The trial that a row belongs to. Raises NetsError for any other row."""
        checked(Key, row, "a trial")
        return cls(parse(row["method"]), row["asked"], row["seed"])

    @property
    def name(self) -> str:
        """The name of the trial's files."""
        method = str(self.method).replace(":", "-").replace(",", "-").replace("=", "").replace("/", "_")
        if len(method) > LONGEST_NAME:
            method = f"{method[:LONGEST_NAME]}-{hashlib.sha256(method.encode()).hexdigest()[:8]}"
        return f"{method}-{self.density!r}-{self.seed}"


def run_trial(trial: Trial, config: CompareConfig, folder: Path) -> Row:
    """Run a trial and write its results: the ticket, the training, and last the trial's own file.

    One that was cut short goes on from where its search or its training was written last.

    All random numbers come from the trial's seed, and every method draws θ₀ first. So seeds are paired: with
    one seed, all methods start from the same θ₀ and train on the same minibatches, under the same split.
    """
    problem, method = config.problem(), method_of(trial.method)
    aside, search = Cost(), Cost()
    if isinstance(method, SparseTraining):
        run, logbook, aside = _train_dynamically(method, trial, problem, config, folder)
    else:
        found = find(trial, config, folder)
        search, logbook = found.cost, found.logbook
        given = (found.ticket, problem, trial.seed, config.eval_every)
        training = partial(train_ticket, *given, track_test=config.track_test)
        run = unfinished.train(unfinished.place(folder, trial.name), trial.name, training)
        problem = to_go(problem, found.ticket)
    row = {"method": str(trial.method), "asked": trial.density, "seed": trial.seed, **run.summary()}
    row |= {f"search_{key}": value for key, value in asdict(search).items()}
    train = _training_cost(problem, run) + aside
    row |= {f"train_{key}": value for key, value in asdict(train).items()}
    kept = {"trial": row, "logbook": logbook, "training": run.rows}
    files.write_text(folder / "trials" / f"{trial.name}.json", digests.sealed(kept))
    for each in {trial, base_of(trial)}:
        unfinished.drop(unfinished.place(folder, each.name))
    return row


def ticket_path(folder: Path, trial: Trial) -> Path:
    return folder / "tickets" / f"{trial.name}.safetensors"


def base_of(trial: Trial) -> Trial:
    """The trial whose ticket this one needs: itself, or for a control the trial without the control."""
    return replace(trial, method=trial.method.base)


def found_files(trial: Trial, folder: Path) -> list[Path]:
    """The files of a search's result: the ticket, and its logbook with the cost."""
    path = ticket_path(folder, trial)
    return [path, path.with_suffix(".json")]


def found_already(trial: Trial, folder: Path) -> Found | None:
    """The result of an earlier search; None if there is none, or none that is whole.

    Raises NetsError for one that cannot be read.
    """
    path, told = found_files(trial, folder)
    if not (path.exists() and told.exists()):
        return None
    try:
        values = digests.opened(told)
        rows = checked(list[Cells], values.get("logbook"), told)
        logbook: list[Row] = [dict(row) for row in rows]
        return Found(load_ticket(path), logbook, Cost.read(values.get("cost"), told))
    except DamagedError:
        return None


def recorded(trial: Trial, folder: Path) -> Kept | None:
    """A finished trial's own file; None if there is none, or none that is whole.

    Raises NetsError for one that cannot be read.
    """
    path = folder / "trials" / f"{trial.name}.json"
    if not path.exists():
        return None
    try:
        kept: Kept = checked(Kept, digests.opened(path), path)
        return kept if trial == Trial.of(dict(kept.trial)) else None
    except DamagedError:
        return None


def copied(trial: Trial, first: Trial, row: Row, folder: Path) -> Row:
    """Give a trial the files of `first`, from which only the density asked for differs. Returns its row.

    row: that of `first`
    """
    for source, target in zip(found_files(first, folder), found_files(trial, folder), strict=True):
        if source.exists():
            files.write_bytes(target, source.read_bytes())
    own = {"asked": trial.density}
    if kept := recorded(first, folder):
        told = kept.model_dump() | {"trial": kept.trial | own}
        files.write_text(folder / "trials" / f"{trial.name}.json", digests.sealed(told))
    return row | own


def find(trial: Trial, config: CompareConfig, folder: Path) -> Found:
    """The trial's ticket, and the cost of its search; a control has the cost of its base's search.

    The search is not repeated if the folder already has its ticket.
    """
    problem, base = config.problem(), base_of(trial)
    found = found_already(base, folder)
    if found is None:
        rng = generator(trial.seed, 0, Role.SEARCH)
        method = method_of(trial.method).tracking(config.track_test)
        own = unfinished.place(folder, base.name)
        found = unfinished.search(own, method, problem, config.budget(), rng, trial.density)
        settings = config.problem_fields() | {"seed": trial.seed}
        found = replace(found, ticket=replace(found.ticket, config=found.ticket.config or settings))
        path = ticket_path(folder, base)
        found.ticket.save(path)
        kept = {"logbook": found.logbook, "cost": asdict(found.cost)}
        files.write_text(path.with_suffix(".json"), digests.sealed(kept))
    if not trial.method.control:
        return found
    rng = generator(trial.seed, 0, Role.CONTROLS)
    ticket: Ticket = controls.CONTROLS[trial.method.control](found.ticket, problem, rng)
    ticket.save(ticket_path(folder, trial))
    return Found(ticket, [], found.cost)


def _train_dynamically(
    method: SparseTraining, trial: Trial, problem: Problem, config: CompareConfig, folder: Path
) -> tuple[TrainingRun, list[Row], Cost]:
    """The training, the updates of the mask, and their extra cost."""
    network: Moving

    def training(**standing: Any) -> TrainingRun:
        nonlocal network
        rng = generator(trial.seed, 0, Role.SEARCH)
        weights, extras = initial(problem, rng)
        network = method.network(problem, weights, trial.density, rng, extras)
        given = (network, problem, trial.seed, config.eval_every)
        settled = method.settled(network.course.steps)
        return train_network(*given, track_test=config.track_test, settled=settled, **standing)

    run = unfinished.train(unfinished.place(folder, trial.name), trial.name, training)
    run = replace(run, density=float(network.alive.mean()))
    return run, network.updates, network.cost_aside


def _training_cost(problem: Problem, run: TrainingRun) -> Cost:
    available = len(problem.data.train.y)
    steps = problem.recipe.steps(available)
    samples = problem.recipe.samples_in(steps, available)
    scored = len(run.rows) * len(problem.data.validation.y)
    return Cost(steps, samples, samples + scored, run.rows[-1]["elapsed_s"])


def check(trial: Trial, problem: Problem, budget: Budget = UNLIMITED) -> None:
    """Raise NetsError, before anything long starts, for a trial that is sure to fail."""
    method = method_of(trial.method)
    _ = problem.architecture  # raises NetsError for data and an architecture that do not fit
    method.check(problem, trial.density, budget)
    controls.check(trial.method.control, problem)
    steps = problem.recipe.steps(len(problem.data.train.y))
    if (k := method.rewinds_to(problem)) >= max(1, steps):
        raise NetsError(
            f"{trial.method}: rewinding to step {k} leaves nothing of a training of {steps} steps"
        )
