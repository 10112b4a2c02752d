"""Accuracy before and after training: the front of one search, beside other tickets of the same density.

    python results/rare-gems/run.py SEEDS

For each seed and each of MUTATIONS one `nets-deap evolve --dataset digits --arch lenet-300-100 --density 0.2
--select nsga2 --against untrained --pop 10 --gens 40 --density-gens 10 --epochs 10 --mutate MUTATIONS`, and a
ticket by each of METHODS. Every ticket is scored on the test set as it is, and trained to the end as
`nets-deap compare` does it (50 epochs, early stop by validation loss). Appends to front.csv beside it: per
seed and ticket the accuracies on the test set in per cent, those on the validation set without training and
after the brief one (of the front), and the gradient steps of the search. What is there already is not run
again. Then prints means with 95 % intervals, and paired differences from the first front's untrained end.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from nets_deap.evolution.run import Evolution
from nets_deap.evolution.settings import configure
from nets_deap.experiments.config import CompareConfig
from nets_deap.individuals.halls_of_fame import measured
from nets_deap.problem.budget import UNLIMITED
from nets_deap.problem.problem import Problem
from nets_deap.problem.ticket import Ticket
from nets_deap.search.registry import method_of, parse
from nets_deap.training.final import train_ticket
from nets_deap.util.statistics import mean_interval

PATH = Path(__file__).with_name("front.csv")
WHERE = {"dataset": "digits", "arch": "lenet-300-100"}
DENSITY = 0.2
SEARCH = {
    "select": "nsga2", "against": "untrained", "pop": 10, "gens": 40, "density_gens": 10, "epochs": 10,
    "target_density": DENSITY,
}  # fmt: skip
MUTATIONS = ("flip,prune-increase:0.02,grow-initial-snip", "flip,prune-initial-snip:0.01,grow-initial-snip")
METHODS = (
    "random", "imp", "nets", "nets:epochs=0", "edge-popup:epochs=100", "edge-popup:epochs=1000",
    "edge-popup:epochs=100,signed=no,scaled=no", "gem-miner:epochs=150",
)  # fmt: skip


def tested(ticket: Ticket, problem: Problem, seed: int) -> dict[str, float]:
    """Test accuracies of a ticket as it is, and trained to the end."""
    untrained = replace(problem, recipe=replace(problem.recipe, epochs=0, iterations=None))
    runs = [train_ticket(ticket, each, seed, track_test=False) for each in (untrained, problem)]
    before, after = (100 * run.test.accuracy for run in runs)
    return {"density": ticket.density, "untrained_test_acc": before, "trained_test_acc": after}


def front(problem: Problem, mutate: str, seed: int) -> list[dict[str, object]]:
    """The points of the front, by untrained loss."""
    evolution = Evolution.of(configure(**WHERE, **SEARCH, mutate=mutate, seed=seed))
    while not evolution.over:
        evolution.advance()
    steps = sum(row["gradient_steps"] for row in evolution.logbook)
    rows = []
    points = sorted(evolution.hall, key=lambda genome: genome.fitness.values[1])
    for place, genome in enumerate(points):
        told = measured(genome)
        row = {"point": "untrained end" if place == 0 else "between"}
        if place == len(points) - 1:
            row = {"point": "trained end"}
        row |= tested(evolution.ticket(genome), problem, seed)
        row |= {"untrained_val_loss": told.untrained_loss, "untrained_val_acc": 100 * told.untrained_acc}
        row |= {"brief_val_loss": told.val_loss, "brief_val_acc": 100 * told.val_acc}
        rows.append(row | {"gradient_steps": steps})
    return rows


def ticket(problem: Problem, method: str, seed: int) -> list[dict[str, object]]:
    """The ticket of a method."""
    told = method_of(parse(method))(problem, UNLIMITED, np.random.default_rng(seed), DENSITY)
    return [tested(told.ticket, problem, seed) | {"gradient_steps": told.cost.gradient_steps}]


def main(seeds: int) -> None:
    rows = pd.read_csv(PATH).to_dict("records") if PATH.exists() else []
    problem = configure(CompareConfig, methods="random", densities="0.2", **WHERE).problem()
    for seed in range(1, seeds + 1):
        for name in (*MUTATIONS, *METHODS):
            if any((row["seed"], row["search"]) == (seed, name) for row in rows):
                continue
            found = (front if name in MUTATIONS else ticket)(problem, name, seed)
            rows += [{"seed": seed, "search": name, "point": "", **row} for row in found]
            pd.DataFrame(rows).to_csv(PATH, index=False, float_format="%.6g")
    rows = [row for row in rows if row["seed"] <= seeds]
    table = (
        pd.DataFrame(rows).fillna({"point": ""}).set_index("seed").groupby(["search", "point"], sort=False)
    )
    ours = table.get_group((MUTATIONS[0], "untrained end"))
    for name, of_it in table:
        if name[1] == "between":
            continue
        print(*name, f"{of_it.gradient_steps.mean():.0f} steps", sep="; ")
        for key in ("untrained_test_acc", "trained_test_acc"):
            mean, lead = mean_interval(of_it[key]), mean_interval(of_it[key] - ours[key])
            print(f"    {key}: {mean.mean:.1f} ± {mean.half_width:.1f}", end="; ")
            print(f"{lead.mean:+.1f} ± {lead.half_width:.1f}")


if __name__ == "__main__":
    main(int(sys.argv[1]))
