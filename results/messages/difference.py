"""A child as the difference to its parent, against the child itself: bytes, in real runs on digits.

The parent is the genome of the generation before to which the difference is smallest. What differs is coded
as messages code masks: genes that fell dormant, awoke (with weights), changed sign, changed weight.

python results/messages/difference.py
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import dill
import numpy as np
import pandas as pd

from nets_deap.evolution.run import Evolution
from nets_deap.evolution.settings import configure
from nets_deap.individuals.genome import Genome
from nets_deap.individuals.parcel import Parcel
from nets_deap.util.sparse import coded

RUNS: dict[str, dict[str, Any]] = {
    "default": {"gens": 20},
    "paper": {"preset": "paper", "gens": 20},
    "grow, mate mask, population 10": {
        "mutate": "flip,prune-increase:0.2,grow",
        "mate": "mask",
        "pop": 10,
        "gens": 20,
    },
}


def difference(parent: Genome, child: Genome) -> int:
    """Bytes that make the child of its parent's active weights."""
    fallen, awoken = parent.mask & ~child.mask, child.mask & ~parent.mask
    other = parent.mask & child.mask & (parent.weights != child.weights)
    flipped = other & (parent.weights == -child.weights)
    changed = other & ~flipped
    sets = [np.flatnonzero(genes) for genes in (fallen, awoken, flipped, changed)]
    codes = sum(len(coded(places, child.mask.size)) for places in sets if places.size)
    return codes + 4 * int(awoken.sum() + changed.sum())


def rows(run: str, options: dict[str, Any]) -> list[dict[str, Any]]:
    evolution = Evolution.of(configure(dataset="digits", arch="lenet-300-100", seed=1, **options))
    found: list[dict[str, Any]] = []
    parents: list[Genome] = []

    def evaluated(genomes: list[Genome]) -> None:
        for genome in genomes if parents else []:
            message = len(dill.dumps(Parcel(genome, whole=False), recurse=True))
            smallest = min(difference(parent, genome) for parent in parents)
            told = {"child": message, "difference": smallest, "result": len(dill.dumps(genome.measured))}
            found.append({"gen": evolution.generation + 1, "density": genome.density, **told})

    evolution.map.on_evaluated = evaluated
    while not evolution.over:
        evolution.advance()
        parents[:] = deepcopy(evolution.population)
    means = pd.DataFrame(found).groupby("gen").mean().reset_index()
    return [{"run": run, **row} for row in means.to_dict("records")]


def main() -> None:
    table = pd.DataFrame([row for run, options in RUNS.items() for row in rows(run, options)])
    table.to_csv(Path(__file__).with_name("difference.csv"), index=False, float_format="%.4g")
    sums = table.groupby("run", sort=False)[["child", "difference", "result"]].mean()
    print(sums.assign(share=sums["difference"] / sums["child"]).round(3).to_string())


if __name__ == "__main__":
    main()
