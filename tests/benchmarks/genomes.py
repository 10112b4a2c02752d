"""What it costs to vary, copy and send a LeNet-300-100 genome of 266,200 genes."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from pickle import dumps

import numpy as np

from nets_deap.evolution.maps import map_genomes
from nets_deap.individuals.genome import initGenome
from nets_deap.individuals.operators.paper import (
    cxUniformGene,
    mutDormancy,
    mutGaussianNoise,
    mutResampleWeights,
)
from nets_deap.models.initialisers import initial_std
from nets_deap.models.registry import build
from nets_deap.parallel.processes import MultiprocessMap
from nets_deap.parallel.serial import SerialMap

from .measure import Row, medians

LAYOUT = build("lenet-300-100", (1, 28, 28), 10).layout


def rows() -> Iterator[Row]:
    rng = np.random.default_rng(0)
    std = initial_std(LAYOUT)
    a, b = (initGenome(std, 0.5, rng=rng) for _ in range(2))

    def vary() -> None:
        cxUniformGene(a, b, 0.5, rng)  # gives two offspring
        for offspring in (a, b):
            mutGaussianNoise(offspring, 0.1, std, rng)
            mutResampleWeights(offspring, 0.1, std, rng)
            mutDormancy(offspring, 0.2, rng)

    variation, copy, pickle = medians(51, vary, lambda: deepcopy(a), lambda: dumps(a))
    yield Row("crossover and three mutations, an offspring", 1e3 * variation / 2, "ms")
    yield Row("deepcopy", 1e3 * copy, "ms")
    yield Row("pickle", 1e3 * pickle, "ms")
    yield Row("pickle's size", len(dumps(a)) / 1e6, "MB")
    population = [deepcopy(a) for _ in range(20)]
    with MultiprocessMap(2) as two:
        maps = [lambda m=m: map_genomes(m, len, population) for m in (SerialMap(), two)]
        maps[1]()
        serial, parallel = medians(21, *maps)
    yield Row("map overhead of a generation of 20, serial", 1e3 * serial, "ms")
    yield Row("map overhead of a generation of 20, two workers", 1e3 * parallel, "ms")
