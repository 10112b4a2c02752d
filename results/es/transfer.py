"""Tickets of SNES trained by PGPE and by gradient descent: digits, mlp-100, 20 % and 5 %, five seeds.

    python results/es/transfer.py

writes results/es/transfer.csv: for each seed an SNES ticket, a random one of its density and the target's
own, which its search finds from other weights than the SNES ticket's, each trained by the target. SGD has the
learning rate of a grid (LRS) with which the dense network has the least validation loss. Finished trainings
are not repeated.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from nets_deap.evolution.settings import configure
from nets_deap.experiments.transfer import Row, target, transfer
from nets_deap.parallel.choice import make_map
from nets_deap.parallel.serial import SerialMap
from nets_deap.problem.budget import Budget
from nets_deap.problem.problem import Problem
from nets_deap.search.config import SearchConfig
from nets_deap.search.registry import method_of, parse
from nets_deap.strategies import STRATEGIES
from nets_deap.training.final import train_ticket
from nets_deap.util import tables
from nets_deap.util.random_streams import Role, generator

PATH = Path("results/es/transfer.csv")
ES = "pop=64,gens=1000,batch=256"
TARGETS, DENSITIES, SEEDS = ("snes", "pgpe", "sgd", "adam"), (0.2, 0.05), range(1, 6)
OTHER = 100  # added to a seed: that of the source's search
LRS = (0.3, 1.0, 3.0, 10.0, 30.0)


def learning_rate(problem: Problem) -> float:
    """Of SGD, for the dense network, by validation loss."""

    def loss(lr: float) -> float:
        with_it = replace(problem, recipe=replace(problem.recipe, lr=lr))
        dense = method_of(parse("dense"))(with_it, Budget(), generator(0, 0, Role.SEARCH), 1.0).ticket
        return train_ticket(dense, with_it, 0, track_test=False).early_stop["val_loss"]

    return min(LRS, key=loss)


def trial(item: tuple[float, int], problem: Problem, sgd: Problem) -> list[Row]:
    density, seed = item
    source = method_of(parse(f"es:{ES}"))
    # Of another seed than the targets' own, or SNES's own would be the same ticket
    ticket = source(problem, Budget(), generator(OTHER + seed, 0, Role.SEARCH), density).ticket
    rows: list[Row] = []
    for to in TARGETS:
        aim = target(sgd if to == "sgd" else problem, to, ES if to in STRATEGIES else "")
        told = transfer(ticket, aim, [seed], SerialMap())
        rows += [{"to": to, "asked": density, **row} for row in told]
    return rows


def main() -> None:
    config = configure(SearchConfig, dataset="digits", arch="mlp-100", init="glorot", epochs=400)
    problem = config.problem()
    sgd = replace(problem, recipe=replace(problem.recipe, optimizer="sgd"))
    sgd = replace(sgd, recipe=replace(sgd.recipe, lr=learning_rate(sgd)))
    print(f"SGD: learning rate {sgd.recipe.lr:g}", flush=True)
    rows = tables.read_csv(PATH) if PATH.exists() else []
    done = {(row["asked"], row["seed"]) for row in rows}

    def tell(told: list[Row]) -> None:
        rows.extend(told)
        rows.sort(key=lambda row: (row["to"], -row["asked"], row["ticket"], row["seed"]))
        tables.write_csv(PATH, rows)
        for row in told:
            named = (row["asked"], row["seed"], row["to"], row["ticket"])
            print(*named, f"{row['test_acc']:.2%}", flush=True)

    with make_map("multiprocess", None, "cpu") as engine:
        items = [(density, seed) for seed in SEEDS for density in DENSITIES]
        engine(partial(trial, problem=problem, sgd=sgd), [item for item in items if item not in done], tell)


if __name__ == "__main__":
    main()
