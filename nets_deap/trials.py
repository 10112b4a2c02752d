"""One trial of a comparison: search, train what was found to the end, and say what both took."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nets_deap import files
from nets_deap.config import CompareConfig
from nets_deap.final_training import TrainingRun, train_network, train_ticket
from nets_deap.problem import Cost, Problem
from nets_deap.randomness import Role, generator
from nets_deap.search import Choice, parse
from nets_deap.search.controls import CONTROLS
from nets_deap.search.dynamic import Dynamic
from nets_deap.search.method import Found, initial_weights
from nets_deap.ticket import Ticket, load_ticket

Row = dict[str, Any]


@dataclass(frozen=True)
class Trial:
    """A method at a density with a seed. What decides the result is in here and in the config.

    method: as `search.parse` takes it
    """

    method: str
    density: float
    seed: int

    @property
    def name(self) -> str:
        """The trial's name in a results folder."""
        method = self.method.replace(":", "-").replace("=", "").replace("/", "_").replace(",", "-")
        return f"{method}-{self.density:g}-{self.seed}"


def run_trial(trial: Trial, config: CompareConfig, folder: Path) -> Row:
    """Run a trial and write what came of it: the ticket, the training, and last the trial's own file.

    Everything that is drawn comes from the trial's seed, and the methods draw θ₀ first: so with one seed
    all start from the same θ₀ and are trained on the same minibatches, under the same split.
    """
    problem, choice = config.problem(), parse(trial.method)
    run: TrainingRun
    if isinstance(choice.method, Dynamic):
        run, logbook = _train_dynamically(choice.method, trial, problem, config)
        search = Cost()
    else:
        found = _find(choice, trial, problem, config, folder)
        search, logbook = found.cost, found.logbook
        run = train_ticket(found.ticket, problem, trial.seed, config.eval_every, track_test=config.track_test)
    row = {"method": trial.method, "asked": trial.density, "seed": trial.seed, **run.summary()}
    row |= {f"search_{key}": value for key, value in asdict(search).items()}
    row |= {f"train_{key}": value for key, value in asdict(_training_cost(problem, run)).items()}
    kept = {"trial": row, "logbook": logbook, "training": run.rows}
    files.write_text(folder / "trials" / f"{trial.name}.json", json.dumps(kept))
    return row


def ticket_path(folder: Path, trial: Trial) -> Path:
    return folder / "tickets" / f"{trial.name}.safetensors"


def _find(choice: Choice, trial: Trial, problem: Problem, config: CompareConfig, folder: Path) -> Found:
    """The trial's ticket, and what its search took; a control's search is that of what it controls.

    A ticket that a search of the same folder has found already is not searched for again.
    """
    base = Trial(choice.base, trial.density, trial.seed)
    path = ticket_path(folder, base)
    log = path.with_suffix(".json")
    if path.exists() and log.exists():
        told = json.loads(log.read_text())
        found = Found(load_ticket(path), told["logbook"], Cost(**told["cost"]))
    else:
        rng = generator(trial.seed, 0, Role.SEARCH)
        found = choice.method(problem, config.budget(), rng, trial.density)
        found.ticket.save(path)
        files.write_text(log, json.dumps({"logbook": found.logbook, "cost": asdict(found.cost)}))
    if not choice.control:
        return found
    rng = generator(trial.seed, 0, Role.CONTROLS)
    ticket: Ticket = CONTROLS[choice.control](found.ticket, problem, rng)
    ticket.save(ticket_path(folder, trial))
    return Found(ticket, [], found.cost)


def _train_dynamically(
    method: Dynamic, trial: Trial, problem: Problem, config: CompareConfig
) -> tuple[TrainingRun, list[Row]]:
    rng = generator(trial.seed, 0, Role.SEARCH)
    network = method.network(problem, initial_weights(problem, rng), trial.density, rng)
    run = train_network(network, problem, trial.seed, config.eval_every, track_test=config.track_test)
    return run, list(network.updates)


def _training_cost(problem: Problem, run: TrainingRun) -> Cost:
    available = len(problem.data.train.y)
    steps = problem.recipe.steps(available)
    samples = problem.recipe.samples_in(steps, available)
    scored = len(run.rows) * len(problem.data.validation.y)
    return Cost(steps, samples, samples + scored, run.rows[-1]["elapsed_s"])


def check(trial: Trial, problem: Problem) -> None:
    """Raise NetsError for what can be seen to fail before anything long is begun."""
    method = parse(trial.method).method
    if plan := getattr(method, "plan", None):
        plan(problem.layout, trial.density)
