"""What 100 genomes cost to send to worker processes and get back: bytes, and seconds on two workers.

Before: whole genomes and evaluations, as pickles have them. Results hold the traces of the default search.
The evaluation takes no time. And what the checkpoint of 1,000 genomes of LeNet-300-100 costs.

python -m tests.benchmarks.messages
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dill
import numpy as np
import pandas as pd

from nets_deap.evolution.checkpoint import State, save_state
from nets_deap.individuals.evaluation import Evaluation
from nets_deap.individuals.genome import Genome, initGenome
from nets_deap.individuals.parcel import Parcel
from nets_deap.models.initialisers import initial_std
from nets_deap.models.registry import build
from nets_deap.parallel.processes import MultiprocessMap

from .measure import machine, medians

RESULTS = Path(__file__).parents[2] / "results" / "messages"
NETWORKS = {"lenet-300-100": (1, 28, 28), "resnet-20": (3, 32, 32)}
DENSITIES = (0.5, 0.2, 0.05, 0.02)
POPULATION, WORKERS = 100, 2
STORED = 1000
FLIPPED = 0.07  # share of active weights whose sign a brief training changes, on digits


@dataclass(frozen=True)
class Answer:
    """An evaluation that takes no time."""

    result: Any

    def __call__(self, genome: Genome) -> Any:
        return self.result


def evaluation(genome: Genome, rng: np.random.Generator) -> Evaluation:
    """As after a brief training in the default search."""
    size = genome.mask.size
    moved = (rng.standard_normal(size, dtype=np.float32) * genome.mask) + np.float32(0)
    flipped = ((rng.random(size) < FLIPPED) & genome.mask).astype(np.float32)
    losses = tuple(rng.random(10).tolist())
    told = Evaluation(rng.random(), rng.random(), genome.density, losses, 7, rng.random(), (rng.random(),))
    return replace(told, traces={"flipped": flipped, "increase": moved})


def size(message: Any) -> int:
    return len(dill.dumps(message, recurse=True))


def rows() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(0)
    for network, shape in NETWORKS.items():
        std = initial_std(build(network, shape, 10).layout, "kaiming")
        for density in DENSITIES:
            genomes = [initGenome(std, density, rng=rng) for _ in range(POPULATION)]
            parcels = [
                Parcel(genome, False, genome.content()) for genome in genomes
            ]  # `toolbox.map` knows it
            one, result = genomes[0], evaluation(genomes[0], rng)
            before, after = Answer((result.values, vars(result))), Answer((result.values, result))
            with MultiprocessMap(WORKERS) as two:
                two(after, parcels[:WORKERS])
                seconds = medians(7, lambda: two(before, genomes), lambda: two(after, parcels))  # noqa: B023
            genome, parcel = size((None, one)), size((None, parcels[0]))
            old, new = (size((True, answer.result)) for answer in (before, after))
            yield {
                "network": network,
                "genes": std.size,
                "density": density,
                "genome_before": genome,
                "genome_after": parcel,
                "genome_after_whole": size((None, Parcel(one, whole=True))),
                "result_before": old,
                "result_after": new,
                "result_without_traces": size((True, (result.values, replace(result, traces={})))),
                "generation_before_MB": POPULATION * (genome + old) / 1e6,
                "generation_after_MB": POPULATION * (parcel + new) / 1e6,
                "seconds_before": seconds[0],
                "seconds_after": seconds[1],
            }


def checkpoints() -> Iterator[dict[str, Any]]:
    """Beside two cores that take 0.3 s a genome, and a GPU that takes 3 s for all."""
    rng = np.random.default_rng(0)
    std = initial_std(build("lenet-300-100", (1, 28, 28), 10).layout)
    genomes = [initGenome(std, 0.2, rng=rng) for _ in range(STORED)]
    logbook: list[dict[str, Any]] = [{"gen": 0, "fitness_min": 1.0, "nevals": STORED, "elapsed_s": 1.0}]
    for traces in (0, 2):
        for genome in genomes:
            told = evaluation(genome, rng)
            genome.measured = told if traces else replace(told, traces={})
            genome.fitness.values = told.values
        state = State(genomes, genomes[:2], genomes[0], logbook, "")
        with TemporaryDirectory(dir=".") as folder:
            path = Path(folder) / "checkpoint"
            (seconds,) = medians(3, lambda: save_state(path, state))  # noqa: B023
            stored = path.stat().st_size
        shares = {"share_on_2_cores": seconds / (0.3 * STORED / 2), "share_on_gpu": seconds / 3}
        yield {"genomes": STORED, "traces": traces, "GB": stored / 1e9, "seconds": seconds, **shares}


def main() -> None:
    RESULTS.mkdir(exist_ok=True)
    for name, found in {"messages": rows, "checkpoints": checkpoints}.items():
        table = pd.DataFrame(found())
        print(table.T.to_string(header=False))
        for key, value in machine().items():
            table[key] = value
        table.to_csv(RESULTS / f"{name}.csv", index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
