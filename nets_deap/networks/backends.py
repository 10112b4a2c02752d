"""Which implementation trains a network."""

from __future__ import annotations

import numpy as np
import torch

from nets_deap.models.architecture import INITIAL, Architecture
from nets_deap.models.mlp import MLP
from nets_deap.networks import sparse_mlp
from nets_deap.networks.compaction import compact
from nets_deap.networks.kernels import library
from nets_deap.networks.masked_mlp import MaskedMLP
from nets_deap.networks.masked_module import MaskedModule
from nets_deap.networks.protocol import Network
from nets_deap.problem.recipe import Recipe

# The share of active weights up to which the compiled way is faster than torch: for each width of vectors,
# and for minibatches of more samples than fit the caches
WORTHWHILE = {"basic": 0.1, "avx2": 0.3, "avx512": 1.0}
LARGE, WORTHWHILE_LARGE = 512, 0.1


def make_network(
    architecture: Architecture,
    weights: np.ndarray,
    mask: np.ndarray,
    recipe: Recipe,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    extras: np.ndarray = INITIAL,
) -> Network:
    """The network of these weights, float32[n], under this mask, bool[n], ready to be trained by the recipe.

    extras: float32[m], biases and normalisations; initial unless given

    Perceptrons have implementations of their own, all else goes by autograd. On a CPU it is the compiled one
    where that is faster, elsewhere the one in torch: they do the same, but for rounding. For torch are
    structured masks, which it computes as a smaller dense network, very small minibatches, since the compiled
    one computes whole blocks of samples, and those that exceed the caches.
    """
    if not isinstance(architecture, MLP):
        return MaskedModule(architecture, weights, mask, recipe, device, dtype, extras)
    on_cpu = torch.device(device).type == "cpu"
    if on_cpu and library.available() and sparse_mlp.computes(architecture, dtype):
        block = sparse_mlp.BLOCK_BYTES // dtype.itemsize
        if _pays(architecture, mask, recipe.batch_size, block):
            return sparse_mlp.SparseMLP(architecture, weights, mask, recipe, dtype)
    return MaskedMLP(architecture, weights, mask, recipe, device, dtype)


def _pays(architecture: MLP, mask: np.ndarray, batch: int, block: int) -> bool:
    """Is the compiled way faster, for minibatches of `batch` samples (0: all) in blocks of `block`?"""
    density = mask.mean()
    if batch == 0 or batch > LARGE:
        limit = WORTHWHILE_LARGE
    else:
        limit = WORTHWHILE[library.best_variant()]
        computed = -(-batch // block) * block
        if min(density / sparse_mlp.DENSE_FROM, 1) * computed >= 2 * batch:
            return False
    if density > limit:
        return False
    smaller = compact(architecture, mask)
    return smaller is None or mask.sum() < sparse_mlp.DENSE_FROM * smaller.genes.size
