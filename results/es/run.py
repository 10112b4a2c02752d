"""Tickets of evolution strategies, and gradient-trained IMP beside them: accuracy against density.

    python results/es/run.py digits     four strategies, five seeds, 15 prunings of 20 % (mlp-100)
    python results/es/run.py longer     SNES and PGPE with five times the generations
    python results/es/run.py mnist      SNES, one seed, 5 prunings to 1.44 % (cnn-8-16): reduced, see below

writes results/es/digits.csv, longer.csv and mnist.csv, a row for each training of each search. Rounds and
trials that are finished are not run again. A row is of the mask that was trained; test accuracy decides
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

from nets_deap import checkpoint
from nets_deap.config import SearchConfig
from nets_deap.final_training import train_ticket
from nets_deap.parallel import make_map
from nets_deap.problem import Budget
from nets_deap.randomness import Role, generator
from nets_deap.search.cycles import State
from nets_deap.search.es import PRUNINGS
from nets_deap.search.folder import search
from nets_deap.search.imp import IMP
from nets_deap.settings import configure
from nets_deap.strategies import STRATEGIES
from nets_deap.ticket import Ticket

Row = dict[str, Any]


@dataclass(frozen=True)
class Experiment:
    """problem: of the searches; es: options of every ES; prunings; density: that is trained last; arms:
    strategy and what it prunes by"""

    problem: dict[str, Any]
    es: str
    prunings: int
    density: float
    arms: tuple[tuple[str, str], ...]
    seeds: int

    @property
    def asked(self) -> float:
        """The density after one more pruning: the search trains before it prunes."""
        return self.density ** ((self.prunings + 1) / self.prunings)


TRAINING = {"init": "glorot", "optimizer": "adam", "lr": 1.2e-3}
# Epochs are of gradient descent
DIGITS = {"dataset": "digits", "arch": "mlp-100", "epochs": 400, **TRAINING}
MNIST = {"dataset": "mnist", "arch": "cnn-8-16", "epochs": 20, **TRAINING}
ONE_SIGMA = ("openai-es", "snr")  # its ratio ranks as magnitude does
ARMS = tuple(arm for arm in product(STRATEGIES, PRUNINGS) if arm != ONE_SIGMA)
LONGER = tuple(product(("snes", "pgpe"), ("snr", "magnitude")))
EXPERIMENTS = {
    "digits": Experiment(DIGITS, "pop=64,gens=300,batch=256", 15, 0.8**15, ARMS, 5),
    "longer": Experiment(DIGITS, "pop=64,gens=1500,batch=256", 15, 0.8**15, LONGER, 5),
    "mnist": Experiment(
        MNIST, "pop=64,gens=300,batch=256", 5, 0.0144, tuple(arm for arm in ARMS if arm[0] == "snes"), 1
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


def by_gradients(experiment: Experiment, seed: int) -> list[Row]:
    """IMP over all layers together, as the ES prune; the mask of each density is trained to the end."""
    config = configure(SearchConfig, **experiment.problem, method="imp", density=experiment.asked, seed=seed)
    problem, rows = config.problem(), []
    available = len(problem.data.train.y)
    states: list[State] = []
    method = IMP(cycles=experiment.prunings + 1, scope="global")
    rng = generator(seed, 0, Role.SEARCH)
    method(problem, Budget(), rng, experiment.asked, on_cycle=states.append)
    first = replace(states[0], mask=states[0].mask | True)
    for state in (first, *states[:-1]):
        ticket = Ticket(state.rewound, state.mask, problem.architecture)
        told = train_ticket(ticket, problem, seed, track_test=False).summary()
        kept = {key: told[key] for key in ("val_acc", "test_acc", "early_stop_iteration")}
        samples = problem.recipe.samples_in(problem.recipe.steps(available), available)
        rows.append({"trained_density": ticket.density, **kept, "forward_passes": samples})
    return rows


def trial(item: tuple[str, str, int], experiment: Experiment, folder: Path) -> list[Row]:
    strategy, prune, seed = item
    rows = (
        by_gradients(experiment, seed)
        if strategy == "gradient descent"
        else by_es(experiment, folder, strategy, prune, seed)
    )
    named = {"strategy": strategy, "prune": prune, "seed": seed}
    return [{**named, "round": i, **row} for i, row in enumerate(rows, 1)]


def main(name: str) -> None:
    experiment = EXPERIMENTS[name]
    path, folder = Path("results/es") / f"{name}.csv", Path("runs/es") / name
    rows = checkpoint.read_csv(path) if path.exists() else []
    done = {(row["strategy"], row["prune"], row["seed"]) for row in rows}
    arms = [("gradient descent", "magnitude"), *experiment.arms]
    items = [(*arm, seed) for arm in arms for seed in range(1, experiment.seeds + 1)]

    def tell(told: list[Row]) -> None:
        rows.extend(told)
        rows.sort(key=lambda row: (row["strategy"], row["prune"], row["seed"], row["round"]))
        checkpoint.write_csv(path, rows)
        last = told[-1]
        print(last["strategy"], last["prune"], last["seed"], f"{last['test_acc']:.2%}", flush=True)

    with make_map("multiprocess", None, "cpu") as engine:
        missing = [item for item in items if item not in done]
        engine(partial(trial, experiment=experiment, folder=folder), missing, tell)


if __name__ == "__main__":
    main(sys.argv[1])
