"""What a generation costs on this machine; and real generations beside the formula and the simulation.

Workers of a map sleep in place of evaluations, so that more of them than cores can be timed. Seconds of the
client are processor time, which other programs on the machine do not lengthen; a cluster of one's own has its
scheduler in the client's process.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from nets_deap import Data, Problem
from nets_deap.evolution.checkpoint import save_state
from nets_deap.evolution.context import FIRST
from nets_deap.evolution.evaluator import Evaluator
from nets_deap.evolution.maps import Measure
from nets_deap.evolution.run import Evolution
from nets_deap.evolution.settings import EvolutionSettings
from nets_deap.individuals.genome import Genome, initGenome
from nets_deap.individuals.parcel import Parcel
from nets_deap.models.initialisers import initial_std
from nets_deap.models.registry import build
from nets_deap.parallel import DaskMap, MultiprocessMap

from ..measure import medians
from ..messages import evaluation, size
from .model import Costs
from .simulation import simulate

MAPS: dict[str, Callable[[int], Any]] = {"multiprocess": MultiprocessMap, "dask": DaskMap}
WORKERS = (1, 2, 4)
POPULATIONS = (5, 100, 1000)
DENSITIES = (0.05, 0.5)
SLEEP, SLEEPERS = 0.2, 24


@dataclass(frozen=True)
class Sleeping:
    """An evaluation that another machine would compute. density: of the genome whose result it gives"""

    seconds: float
    density: float | None = None

    def __call__(self, item: Any) -> Any:
        time.sleep(self.seconds)
        return None if self.density is None else result(self.density)


def nothing(item: Any) -> None:
    pass


def genomes(density: float, number: int) -> list[Genome]:
    """Of LeNet-300-100."""
    std = initial_std(build("lenet-300-100", (1, 28, 28), 10).layout, "kaiming")
    rng = np.random.default_rng(0)
    return [initGenome(std, density, rng=rng) for _ in range(number)]


@cache
def result(density: float) -> Any:
    """What an evaluation of such a genome gives; each process makes it once."""
    told = evaluation(genomes(density, 1)[0], np.random.default_rng(0))
    return told.values, told


def parcels(density: float, number: int) -> list[Parcel]:
    """Genomes as they travel."""
    return [Parcel(genome, False, genome.content()) for genome in genomes(density, number)]


def timed(repeats: int, work: Callable[[], Any]) -> tuple[float, float]:
    """Median seconds, and seconds of this process's processors."""
    told = []
    for _ in range(repeats):
        start, used = time.perf_counter(), time.process_time()
        work()
        told.append((time.perf_counter() - start, time.process_time() - used))
    return median(seconds for seconds, _ in told), median(used for _, used in told)


def overheads() -> Iterator[dict[str, Any]]:
    """Of evaluations that do nothing."""
    sizes: dict[str, tuple[Any, int, int]] = {"nothing": (nothing, 0, 0)}
    items: dict[str, list[Any]] = {"nothing": list(range(max(POPULATIONS)))}
    for density in DENSITIES:
        name = f"LeNet-300-100 of {density:g}"
        items[name] = parcels(density, 100)
        sizes[name] = Sleeping(0, density), size((None, items[name][0])), size((True, result(density)))
    for name, make in MAPS.items():
        for workers in WORKERS:
            with make(workers) as engine:
                engine(nothing, range(2 * workers))
                for genome, (function, sent, answered) in sizes.items():
                    engine(function, items[genome][: 4 * workers])
                    for population in POPULATIONS if genome == "nothing" else (100,):
                        work = items[genome][:population]
                        seconds, used = timed(
                            3 if population == 1000 else 5,
                            lambda: engine(function, work),  # noqa: B023
                        )
                        yield {
                            "map": name,
                            "workers": workers,
                            "genome": genome,
                            "sent": sent,
                            "answered": answered,
                            "population": population,
                            "seconds": seconds,
                            "client_seconds": used,
                            "ms_a_genome": 1000 * seconds / population,
                            "client_ms_a_genome": 1000 * used / population,
                        }


class Instant:
    """A map whose evaluations take no time. used: processor seconds within it so far"""

    def __init__(self) -> None:
        self.used, self.rng = 0.0, np.random.default_rng(0)

    def __call__(self, _: Any, genomes: list[Genome]) -> list[Any]:
        start = time.process_time()
        told = [evaluation(genome, self.rng) for genome in genomes]
        self.used += time.process_time() - start
        return [(one.values, one) for one in told]


def breeding() -> Iterator[dict[str, Any]]:
    """What the client does for a genome while the workers wait: it breeds it, and writes the checkpoint."""
    rng, population = np.random.default_rng(0), 100
    data = Data.of((rng.normal(size=(200, 784)).astype(np.float32), np.arange(200) % 10))
    for density in DENSITIES:
        settings = EvolutionSettings(pop=population, init_density=density, target_density=density)
        engine = Instant()
        run = Evolution(Problem(data, "lenet-300-100"), settings, engine=engine)
        run.advance()
        engine.used = 0.0
        start = time.process_time()
        for _ in range(3):
            run.advance()
        bred = (time.process_time() - start - engine.used) / 3
        with TemporaryDirectory(dir=".") as folder:
            _, saved = timed(3, lambda: save_state(Path(folder) / "checkpoint", run.state()))  # noqa: B023
        yield {
            "density": density,
            "breeding_ms": 1000 * bred / population,
            "checkpoint_ms": 1000 * saved / population,
        }


def costs(found: list[dict[str, Any]], name: str, genome: str = "nothing") -> Costs:
    """The formula's inputs for a map, without evaluation and breeding: with the most workers measured."""
    rows = [row for row in found if row["map"] == name and row["workers"] == max(WORKERS)]
    nothing = {row["population"]: row["client_seconds"] for row in rows if row["genome"] == "nothing"}
    few, many = min(POPULATIONS), max(POPULATIONS)
    task = (nothing[many] - nothing[few]) / (many - few)
    generation = max(0.0, nothing[few] - few * task)
    told = next(row for row in rows if row["genome"] == genome and row["population"] == 100)
    task = (told["client_seconds"] - generation) / told["population"]
    return Costs(0.0, task=task, generation=generation, sent=told["sent"], answered=told["answered"])


def training() -> Callable[[Any], Any]:
    """A real evaluation of a LeNet-300-100, on 6,000 samples."""
    rng = np.random.default_rng(0)
    data = Data.of((rng.normal(size=(6000, 784)).astype(np.float32), np.arange(6000) % 10))
    problem = Problem(data, "lenet-300-100")
    return Measure(Evaluator(replace(problem, recipe=replace(problem.recipe, epochs=5))), FIRST)


def beside(base: Costs, workers: int, seconds: float) -> dict[str, float]:
    """A real generation of SLEEPERS genomes, the formula, and the simulation."""
    formula = base.seconds(SLEEPERS, workers)
    simulated = simulate(base, SLEEPERS, workers).seconds
    told = {"seconds": seconds, "formula": formula, "simulation": float(simulated)}
    return told | {"formula_to_real": formula / seconds, "simulation_to_real": simulated / seconds}


def real(found: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What a worker adds is measured with one worker; with more, formula and simulation foretell.

    Trainings take turns with serial ones, which say how long an evaluation takes meanwhile.
    """
    small = f"LeNet-300-100 of {DENSITIES[0]:g}"
    items, trained, train = parcels(DENSITIES[0], SLEEPERS), genomes(DENSITIES[0], SLEEPERS), training()
    work: dict[str, tuple[Any, list[Any], str]] = {
        "sleep": (Sleeping(SLEEP), list(range(SLEEPERS)), "nothing"),
        "sleep and messages": (Sleeping(SLEEP, DENSITIES[0]), items, small),
        "training": (train, items, small),
    }
    cores = os.cpu_count() or 1
    for kind, (function, sent, genome) in work.items():
        for name, make in MAPS.items():
            adds = 0.0
            for workers in WORKERS:
                with make(workers) as engine:
                    engine(function, sent[: 4 * workers])
                    alone = [lambda: [train(genome) for genome in trained]] if kind == "training" else []
                    seconds, *serial = medians(3, lambda: engine(function, sent), *alone)  # noqa: B023
                each = serial[0] / SLEEPERS if serial else SLEEP
                base = replace(costs(found, name, genome), evaluation=each, worker=adds)
                if workers == 1:
                    adds = max(0.0, (seconds - base.seconds(SLEEPERS, 1)) / SLEEPERS)
                    base = replace(base, worker=adds)
                told = {"work": kind, "map": name, "workers": workers, "population": SLEEPERS}
                told |= {"evaluation": each, "worker": adds}
                yield told | beside(base, min(workers, cores) if serial else workers, seconds)
