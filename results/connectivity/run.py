"""Linear mode connectivity of LeNet-300-100 on MNIST: tickets of IMP and NeTS, and two references.

    python results/connectivity/run.py

writes results/connectivity/lines.csv, the lines between two trainings of each ticket on different data orders
(20 epochs each, preset lth), and barriers.csv. A seed has a ticket of each kind. Tickets of 5 %; the dense
network and a random ticket are the references. Finished lines are not computed again. MNIST lies in `data`.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from nets_deap.evolution.settings import configure
from nets_deap.experiments.config import CompareConfig
from nets_deap.experiments.connectivity import barrier, connectivity
from nets_deap.experiments.trial import Trial, find
from nets_deap.parallel.choice import make_map
from nets_deap.parallel.serial import SerialMap
from nets_deap.search.registry import parse
from nets_deap.util import tables

FOLDER, RUNS = Path("results/connectivity"), Path("runs/connectivity")
METHODS = {"IMP": "imp-short", "NeTS": "nets:pop=1,gens=9", "random": "random-erk", "dense": "dense"}
DENSITY, SEEDS = 0.05, range(1, 6)


def lines(item: tuple[str, int], config: CompareConfig) -> list[dict[str, Any]]:
    name, seed = item
    ticket = find(Trial(parse(METHODS[name]), DENSITY, seed), config, RUNS).ticket
    rows = connectivity([ticket], config.problem(), [seed], SerialMap())
    return [{"ticket": name, "density": ticket.density, **row} for row in rows]


def main() -> None:
    config = configure(CompareConfig, preset="lth", dataset="mnist", epochs=20)
    path = FOLDER / "lines.csv"
    rows = tables.read_csv(path) if path.exists() else []
    done = {(row["ticket"], row["seed"]) for row in rows}

    def tell(told: list[dict[str, Any]]) -> None:
        rows.extend(told)
        rows.sort(key=lambda row: (row["ticket"], row["seed"], row["alpha"]))
        tables.write_csv(path, rows)
        print(told[0]["ticket"], told[0]["seed"], f"{100 * barrier(told):.2f}", flush=True)

    with make_map("multiprocess", None, "cpu") as engine:
        items = [(name, seed) for seed in SEEDS for name in METHODS if (name, seed) not in done]
        engine(partial(lines, config=config), items, tell)
    heights = []
    for name in METHODS:
        for seed in SEEDS:
            of_it = [row for row in rows if (row["ticket"], row["seed"]) == (name, seed)]
            heights.append({"ticket": name, "seed": seed, "test_error": barrier(of_it),
                            "test_loss": barrier(of_it, "test_loss")})  # fmt: skip
    tables.write_csv(FOLDER / "barriers.csv", heights)


if __name__ == "__main__":
    main()
