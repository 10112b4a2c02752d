"""Which implementation trains a network."""

from __future__ import annotations

import numpy as np
import torch

from nets_deap import compiled
from nets_deap.backprop import MaskedMLP
from nets_deap.models import Architecture
from nets_deap.problem import Recipe
from nets_deap.training import Network


def make_network(
    architecture: Architecture,
    weights: np.ndarray,
    mask: np.ndarray,
    recipe: Recipe,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Network:
    """The network of these weights, float32[n], under this mask, bool[n], ready to be trained by the recipe.

    The compiled one on a CPU, the one in torch elsewhere and where a compiler was missing: they do the same,
    but for rounding. The compiled one computes whole blocks of samples, so torch has very small minibatches.
    """
    if torch.device(device).type == "cpu" and compiled.available():
        block = compiled.BLOCK_BYTES // dtype.itemsize
        batch = recipe.batch_size or block
        computed = -(-batch // block) * block
        if min(mask.mean() / compiled.DENSE_FROM, 1) * computed < 2 * batch:
            return compiled.CompiledMLP(architecture, weights, mask, recipe, dtype)
    return MaskedMLP(architecture, weights, mask, recipe, device, dtype)
