"""What six weights, 20 % of MLP-10, can do on XOR: every structure, trained from many initial weights.

    python results/xor_six_weights.py

A hidden unit that computes something has an output weight and looks at none of the two inputs (a constant),
at one, or at both. Up to the order of units and of inputs there are nine ways to spend six weights on such
units; weights spent on other units do nothing. Trained as in Table 1 (preset paper). Writes
results/xor-six-weights.csv: per data set and structure the test accuracy at early stop, the best and the mean
over seeds.
"""

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from nets_deap.evolution.settings import configure
from nets_deap.experiments.config import CompareConfig
from nets_deap.problem.ticket import Ticket
from nets_deap.search.method import initial_weights
from nets_deap.training.final import train_ticket

SEEDS = range(1, 21)
WEIGHTS, UNITS = 6, 10
# kind of unit -> which inputs it looks at
KINDS = {"constant": (0, 0), "first": (1, 0), "second": (0, 1), "both": (1, 1)}


def structures() -> list[dict[str, int]]:
    """Numbers of units of each kind that take six weights in all, without mirror images."""
    counts = product(range(WEIGHTS + 1), repeat=len(KINDS))
    found = [dict(zip(KINDS, numbers, strict=True)) for numbers in counts]
    return [
        units
        for units in found
        if sum(n * (1 + sum(KINDS[kind])) for kind, n in units.items()) == WEIGHTS
        and units["first"] >= units["second"]
    ]


def mask(units: dict[str, int]) -> np.ndarray:
    """bool[30]: fc1 as units × inputs, then fc2."""
    inputs = [KINDS[kind] for kind, n in units.items() for _ in range(n)]
    first = np.zeros((UNITS, 2), dtype=bool)
    first[: len(inputs)] = inputs
    return np.concatenate([first.ravel(), np.arange(UNITS) < len(inputs)])


def main() -> None:
    rows = []
    for dataset in ("xor-corners", "xor"):
        options = {"dataset": dataset, "arch": "mlp-10", "methods": "random", "eval_every": 100}
        problem = configure(CompareConfig, "paper", **options).problem()
        for units in structures():
            ticket = mask(units)
            accuracies = []
            for seed in SEEDS:
                weights = initial_weights(problem, np.random.default_rng(seed))
                network = Ticket(weights, ticket, problem.architecture)
                run = train_ticket(network, problem, seed, 100, track_test=False)
                accuracies.append(100 * run.test.accuracy)
            told = {"test_acc_best": max(accuracies), "test_acc_mean": float(np.mean(accuracies))}
            rows.append({"dataset": dataset, **units, "seeds": len(SEEDS), **told})
            print(rows[-1], flush=True)
    pd.DataFrame(rows).to_csv(Path(__file__).with_name("xor-six-weights.csv"), index=False)


if __name__ == "__main__":
    main()
