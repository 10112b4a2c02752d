"""Tickets of evolution strategies, and gradient-trained IMP beside them: accuracy against density.

    python results/es/run.py digits     four strategies, five seeds, 15 prunings of 20 % (mlp-100)
    python results/es/run.py longer     SNES and PGPE with five times the generations, gradient descent
                                       with as many epochs as long as it learns
    python results/es/run.py mnist      SNES, one seed, 5 prunings to 1.44 % (cnn-8-16): reduced, see below
    python results/es/run.py mnist-tickets  SNES's tickets of 1.44 %, trained by gradient descent

writes results/es/digits.csv and so on, a row for each training of each search. Rounds and trials that are
finished are not run again. A row is of the mask that was trained; test accuracy decides
nothing. On MNIST the paper (Lange & Sprekeler 2023) has a population of 128, 4,000 generations on 1,024
samples each and 20 prunings of 20 %; here it is 64, 300, 256 and 5 of 57 %. Data sets lie in `data`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from nets_deap.evolution.settings import configure
from nets_deap.parallel.choice import make_map
from nets_deap.problem.problem import Problem
from nets_deap.problem.ticket import Ticket, load_ticket
from nets_deap.search.config import SearchConfig
from nets_deap.search.es import PRUNINGS
from nets_deap.search.run import CYCLES, search
from nets_deap.strategies import STRATEGIES
from nets_deap.training.final import train_ticket
from nets_deap.util import tables

Row = dict[str, Any]


@dataclass(frozen=True)
class Experiment:
    """problem: of the searches; es: options of every ES; prunings; density: that is trained last; arms:
    strategy and what it prunes by; longest: epochs of gradient descent where its validation loss is least in
    the last tenth of the problem's epochs"""

    problem: dict[str, Any]
    es: str
    prunings: int
    density: float
    arms: tuple[tuple[str, str], ...]
    seeds: int
    longest: int

    @property
    def asked(self) -> float:
        """The density after one more pruning: the search trains before it prunes."""
        return self.density ** ((self.prunings + 1) / self.prunings)


TRAINING = {"init": "glorot", "optimizer": "adam", "lr": 1.2e-3}
# Epochs are of gradient descent
DIGITS = {"dataset": "digits", "arch": "mlp-100", "epochs": 400, **TRAINING}
MNIST = {"dataset": "mnist", "arch": "cnn-8-16", "epochs": 20, **TRAINING}
GRADIENTS = "gradient descent"
ONE_SIGMA = ("openai-es", "snr")  # its ratio ranks as magnitude does
ARMS = tuple(arm for arm in product(STRATEGIES, PRUNINGS) if arm != ONE_SIGMA)
LONGER = tuple(product(("snes", "pgpe"), ("snr", "magnitude")))
EXPERIMENTS = {
    "digits": Experiment(DIGITS, "pop=64,gens=300,batch=256", 15, 0.8**15, ARMS, 5, 400),
    "longer": Experiment(DIGITS, "pop=64,gens=1500,batch=256", 15, 0.8**15, LONGER, 5, 2000),
    "mnist": Experiment(
        MNIST, "pop=64,gens=300,batch=256", 5, 0.0144, tuple(arm for arm in ARMS if arm[0] == "snes"), 1, 100
    ),
}


def by_es(experiment: Experiment, folder: Path, strategy: str, prune: str, seed: int) -> list[Row]:
    method = f"es:{experiment.es},rounds={experiment.prunings + 1},strategy={strategy},prune={prune}"
    config = configure(
        SearchConfig,
        **experiment.problem,
        method=method,
        density=experiment.asked,
        seed=seed,
        track_test=True,
    )
    found = search(config, folder / f"{strategy}-{prune}-{seed}")
    keys = ("trained_density", "val_acc", "test_acc", "forward_passes", "elapsed_s")
    return [{key: row[key] for key in keys} for row in found.logbook]


def by_gradients(experiment: Experiment, folder: Path, seed: int) -> list[Row]:
    """IMP over all layers together, as the ES prune; the mask of each density is trained to the end."""
    method = f"imp:cycles={experiment.prunings + 1},scope=global"
    config = configure(SearchConfig, **experiment.problem, method=method, density=experiment.asked, seed=seed)
    folder = folder / f"imp-{seed}"
    found, problem = search(config, folder).ticket, config.problem()
    pruned = [load_ticket(path) for path in sorted((folder / CYCLES).iterdir())[:-1]]
    dense = replace(found, mask=np.ones_like(found.mask))
    return [_to_the_end(ticket, problem, seed, experiment.longest) for ticket in (dense, *pruned)]


def of_its_ticket(experiment: Experiment, folder: Path, strategy: str, prune: str, seed: int) -> list[Row]:
    """The ticket of the last density that an ES has trained, trained by gradient descent."""
    by_es(experiment, folder, strategy, prune, seed)  # what is found is not looked for again
    cycles = sorted((folder / f"{strategy}-{prune}-{seed}" / CYCLES).iterdir())
    ticket = load_ticket(cycles[experiment.prunings - 1])
    problem = configure(SearchConfig, **experiment.problem).problem()
    return [_to_the_end(ticket, problem, seed, experiment.longest)]


def _to_the_end(ticket: Ticket, problem: Problem, seed: int, longest: int) -> Row:
    """What training makes of a ticket; where the validation loss still falls, in more epochs."""
    available = len(problem.data.train.y)
    for epochs in sorted({problem.recipe.epochs, longest}):
        recipe = replace(problem.recipe, epochs=epochs)
        run = train_ticket(ticket, replace(problem, recipe=recipe), seed, track_test=False).summary()
        steps = recipe.steps(available)
        if run["early_stop_iteration"] < 0.9 * steps:
            break
    kept = {key: run[key] for key in ("val_acc", "test_acc", "early_stop_iteration")}
    passes = recipe.samples_in(steps, available)
    return {"trained_density": ticket.density, **kept, "train_steps": steps, "forward_passes": passes}


def trial(item: tuple[str, str, int], experiment: Experiment, folder: Path, tickets: bool) -> list[Row]:
    strategy, prune, seed = item
    if strategy == GRADIENTS:
        rows = by_gradients(experiment, folder, seed)
    else:
        rows = (of_its_ticket if tickets else by_es)(experiment, folder, strategy, prune, seed)
    named = {"strategy": strategy, "prune": prune, "seed": seed}
    first = experiment.prunings + 1 if tickets else 1
    return [{**named, "round": i, **row} for i, row in enumerate(rows, first)]


def main(name: str) -> None:
    of, _, tickets = name.partition("-")
    experiment = EXPERIMENTS[of]
    path, folder = Path("results/es") / f"{name}.csv", Path("runs/es") / of
    rows = tables.read_csv(path) if path.exists() else []
    done = {(row["strategy"], row["prune"], row["seed"]) for row in rows}
    arms = [*([] if tickets else [(GRADIENTS, "magnitude")]), *experiment.arms]
    items = [(*arm, seed) for arm in arms for seed in range(1, experiment.seeds + 1)]

    def tell(told: list[Row]) -> None:
        rows.extend(told)
        rows.sort(key=lambda row: (row["strategy"], row["prune"], row["seed"], row["round"]))
        tables.write_csv(path, rows)
        last = told[-1]
        print(last["strategy"], last["prune"], last["seed"], f"{last['test_acc']:.2%}", flush=True)

    with make_map("multiprocess", None, "cpu") as engine:
        missing = [item for item in items if item not in done]
        engine(partial(trial, experiment=experiment, folder=folder, tickets=bool(tickets)), missing, tell)


if __name__ == "__main__":
    main(sys.argv[1])
