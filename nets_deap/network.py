"""Which implementation trains a network."""

from __future__ import annotations

import numpy as np
import torch

from nets_deap import compiled
from nets_deap.backprop import MaskedMLP
from nets_deap.compaction import compact
from nets_deap.models import Architecture
from nets_deap.problem import Recipe
from nets_deap.training import Network

# The share of active weights up to which the compiled way is faster than torch, for each width of vectors
WORTHWHILE = {"basic": 0.1, "avx2": 0.3, "avx512": 1.0}
LARGE = 512  # samples of a minibatch, from which on that share is as for "basic"


def make_network(
    architecture: Architecture,
    weights: np.ndarray,
    mask: np.ndarray,
    recipe: Recipe,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Network:
    """The network of these weights, float32[n], under this mask, bool[n], ready to be trained by the recipe.

    The compiled one on a CPU where that is faster, the one in torch elsewhere: they do the same, but for
    rounding. For torch are structured masks, which it computes as a smaller dense network, very small
    minibatches, since the compiled one computes whole blocks of samples, and those that exceed the caches.
    """
    if torch.device(device).type == "cpu" and compiled.available() and compiled.computes(architecture, dtype):
        density = mask.mean()
        block = compiled.BLOCK_BYTES // dtype.itemsize
        batch = recipe.batch_size or block
        computed = -(-batch // block) * block
        large = recipe.batch_size > LARGE or not recipe.batch_size
        padded = min(density / compiled.DENSE_FROM, 1) * computed >= 2 * batch
        smaller = compact(architecture, mask)
        structured = smaller is not None and mask.sum() >= compiled.DENSE_FROM * smaller.genes.size
        limit = WORTHWHILE["basic" if large else compiled.best_variant()]
        if density <= limit and not padded and not structured:
            return compiled.CompiledMLP(architecture, weights, mask, recipe, dtype)
    return MaskedMLP(architecture, weights, mask, recipe, device, dtype)
