"""Tickets of SNES trained by PGPE and by gradient descent: digits, mlp-100, 20 % and 5 %, five seeds.

    python results/es/transfer.py

writes results/es/transfer.csv: for each seed the SNES ticket of that seed, a random one of its density and
the target's own, each trained by the target. The learning rate of SGD is that of a grid (LRS) with which the
dense network has the least validation loss. Finished trainings are not repeated.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from nets_deap import checkpoint
from nets_deap.config import SearchConfig
from nets_deap.final_training import train_ticket
from nets_deap.parallel import SerialMap, make_map
from nets_deap.problem import Budget, Problem
from nets_deap.randomness import Role, generator
from nets_deap.search import parse
from nets_deap.settings import configure
from nets_deap.transfer import target, transfer

PATH = Path("results/es/transfer.csv")
ES = "pop=64,gens=300,batch=256"
TARGETS, DENSITIES, SEEDS = ("snes", "pgpe", "sgd", "adam"), (0.2, 0.05), range(1, 6)
LRS = (0.3, 1.0, 3.0, 10.0, 30.0)


def learning_rate(problem: Problem) -> float:
    """Of SGD, for the dense network, by validation loss."""

    def loss(lr: float) -> float:
        with_it = replace(problem, recipe=replace(problem.recipe, lr=lr))
        dense = parse("dense").method(with_it, Budget(), generator(0, 0, Role.SEARCH), 1.0).ticket
        return train_ticket(dense, with_it, 0, track_test=False).early_stop["val_loss"]

    return min(LRS, key=loss)


def trial(item: tuple[str, float, int], problem: Problem, sgd: Problem) -> list[dict[str, Any]]:
    to, density, seed = item
    source = parse(f"es:{ES}").method
    ticket = source(problem, Budget(), generator(seed, 0, Role.SEARCH), density).ticket
    aim = target(sgd if to == "sgd" else problem, to, ES if to in ("snes", "pgpe") else "")
    return [{"to": to, "asked": density, **row} for row in transfer(ticket, aim, [seed], SerialMap())]


def main() -> None:
    config = configure(SearchConfig, dataset="digits", arch="mlp-100", init="glorot", epochs=400)
    problem = config.problem()
    sgd = replace(problem, recipe=replace(problem.recipe, optimizer="sgd"))
    sgd = replace(sgd, recipe=replace(sgd.recipe, lr=learning_rate(sgd)))
    print(f"SGD: learning rate {sgd.recipe.lr:g}", flush=True)
    rows = checkpoint.read_csv(PATH) if PATH.exists() else []
    done = {(row["to"], row["asked"], row["seed"]) for row in rows}

    def tell(told: list[dict[str, Any]]) -> None:
        rows.extend(told)
        rows.sort(key=lambda row: (row["to"], -row["asked"], row["ticket"], row["seed"]))
        checkpoint.write_csv(PATH, rows)
        print(
            told[0]["to"],
            told[0]["asked"],
            told[0]["seed"],
            [f"{row['test_acc']:.2%}" for row in told],
            flush=True,
        )

    with make_map("multiprocess", None, "cpu") as engine:
        items = [(to, density, seed) for seed in SEEDS for to in TARGETS for density in DENSITIES]
        engine(partial(trial, problem=problem, sgd=sgd), [item for item in items if item not in done], tell)


if __name__ == "__main__":
    main()
