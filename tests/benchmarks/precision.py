"""bfloat16 products in --map batched: their speed, and what they do to the ranking of genomes.

40 children of one genome of 20 %, on a tenth of MNIST, one epoch: rank correlation (Spearman) of their
fitness with that of float32, beside that of two float32 trainings on different minibatches.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from copy import deepcopy

import numpy as np
from scipy.stats import spearmanr

from nets_deap.evolution.context import Context
from nets_deap.evolution.evaluator import Evaluator
from nets_deap.individuals.genome import initGenome
from nets_deap.individuals.operators.paper import mutAwaken, mutDormancy, mutGaussianNoise
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe

from .measure import Row

PROBLEM = Problem(
    "mnist",
    "lenet-300-100",
    Recipe("sgd", 1e-2, 60, epochs=1),
    data_dir=os.environ.get("NETS_DATA_DIR", "data"),
    data_limit=6000,
)


def rows() -> Iterator[Row]:
    rng = np.random.default_rng(0)
    std = PROBLEM.initial_std()
    parent = initGenome(std, 0.2, rng=rng)
    genomes = [deepcopy(parent) for _ in range(40)]
    for genome in genomes:  # as evolution's defaults do it
        mutGaussianNoise(genome, 0.1, std, rng)
        mutDormancy(genome, 0.02, rng)
        mutAwaken(genome, 0.005, rng)

    def fitnesses(precision: str, generation: int = 0) -> tuple[np.ndarray, float]:
        evaluator = Evaluator(PROBLEM, precision=precision)
        start = time.perf_counter()
        found = evaluator.evaluate_all(genomes, Context(generation))
        return np.array([evaluation.fitness for evaluation in found]), time.perf_counter() - start

    fitnesses("float32")  # load the data, warm up
    exact, seconds = fitnesses("float32")
    other_order, _ = fitnesses("float32", generation=1)
    rounded, taken = fitnesses("bf16")
    yield Row("bf16: speed against float32 on cpu", seconds / taken, "times")
    yield Row("bf16: rank correlation with float32", spearmanr(exact, rounded).statistic, "")
    yield Row("float32 on other minibatches: rank correlation", spearmanr(exact, other_order).statistic, "")
