"""How far results on a GPU lie from those on a CPU, which trains genome by genome in float32.

Sixteen children of one genome of LeNet-300-100 train for an epoch of 5,400 samples of MNIST, or of digits.
The GPU adds in another order, so the last digits differ, and training carries them on.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace

import numpy as np
import torch
from scipy.stats import spearmanr

from nets_deap.evolution.context import Context
from nets_deap.evolution.evaluator import Evaluator
from nets_deap.individuals.genome import initGenome
from nets_deap.individuals.operators.paper import mutAwaken, mutDormancy, mutGaussianNoise
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from tests.conftest import needs_mnist


def rows() -> Iterator[dict[str, object]]:
    recipe = Recipe("sgd", 0.1, 60, epochs=1)
    if needs_mnist.args[0]:
        problem = Problem("digits", "lenet-300-100", recipe)
    else:
        folder = os.environ.get("NETS_DATA_DIR", "data")
        problem = Problem("mnist", "lenet-300-100", recipe, data_dir=folder, data_limit=6000)
    rng, std = np.random.default_rng(0), problem.initial_std()
    genomes = [deepcopy(initGenome(std, 0.2, rng=np.random.default_rng(1))) for _ in range(16)]
    for genome in genomes:
        mutGaussianNoise(genome, 0.1, std, rng)
        mutDormancy(genome, 0.02, rng)
        mutAwaken(genome, 0.005, rng)

    def losses(generation: int = 0, device: str = "cpu", **more: object) -> np.ndarray:
        evaluator = Evaluator(replace(problem, device=device), **more)  # type: ignore[arg-type]
        if device == "cuda":
            return np.array([e.val_loss for e in evaluator.evaluate_all(genomes, Context(generation))])
        return np.array([evaluator.evaluate(genome, Context(generation)).val_loss for genome in genomes])

    exact = losses(dtype=torch.float64)
    found = {
        "float32 on the CPU": losses(),
        "float64 on the GPU": losses(device="cuda", dtype=torch.float64),
        **{f"{p} on the GPU": losses(device="cuda", precision=p) for p in ("float32", "tf32", "bf16")},
        "float64 on the CPU, other minibatches": losses(1, dtype=torch.float64),
    }
    again = losses(device="cuda")
    for what, values in found.items():
        yield {
            "data": problem.dataset,
            "what": what,
            "largest_relative_difference": float(np.max(np.abs(values - exact) / exact)),
            "rank_correlation": spearmanr(exact, values).statistic,
        }
    same = float(np.max(np.abs(again - found["float32 on the GPU"])))
    yield {"data": problem.dataset, "what": "float32 on the GPU, twice", "largest_relative_difference": same}
