"""Which implementation trains a network: dense or sparse."""

from __future__ import annotations

import numpy as np
import torch

from nets_deap import sparse
from nets_deap.backprop import MaskedMLP
from nets_deap.models import Architecture
from nets_deap.problem import Recipe
from nets_deap.training import Network

DENSE_FROM = 0.4  # density from which on the dense way is faster (`python -m tests.benchmarks.densities`)


def make_network(
    architecture: Architecture,
    weights: np.ndarray,
    mask: np.ndarray,
    recipe: Recipe,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Network:
    """The network of these weights, float32[n], under this mask, bool[n], ready to be trained by the recipe.

    The faster of `SparseMLP` and `MaskedMLP`: they do the same, but for rounding. A sparse one computes a
    whole block of samples at a time, so small minibatches are dearer.
    """
    if torch.device(device).type == "cpu" and sparse.available():
        block = sparse.BLOCK_BYTES // dtype.itemsize
        batch = recipe.batch_size or block
        computed = -(-batch // block) * block
        if mask.mean() * computed / batch < DENSE_FROM:
            return sparse.SparseMLP(architecture, weights, mask, recipe, dtype)
    return MaskedMLP(architecture, weights, mask, recipe, device, dtype)
