"""Choose the back end for a network, the first in a table that supports it, or for a stack of networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch

from nets_deap.models.architecture import Architecture
from nets_deap.models.layout import INITIAL
from nets_deap.models.node_space import narrow_to_mask
from nets_deap.networks import fused_mlp, sparse_mlp, sparse_module
from nets_deap.networks.compaction import compact
from nets_deap.networks.fused_mlp import FusedMLP
from nets_deap.networks.kernels import library
from nets_deap.networks.kernels.images import SAMPLES
from nets_deap.networks.masked_mlp import MaskedMLP
from nets_deap.networks.masked_module import MaskedModule
from nets_deap.networks.perceptron import has_gradients
from nets_deap.networks.protocol import Network
from nets_deap.networks.stack import Stack
from nets_deap.networks.stacked_mlp import StackedMLP
from nets_deap.networks.stacked_module import StackedModule
from nets_deap.problem.recipe import Recipe
from nets_deap.util.errors import NetsError
from nets_deap.util.threads import as_usual

# Density up to which the compiled kernels are faster than torch: for each width of vectors, and for
# minibatches of more than LARGE samples, which do not fit the caches
WORTHWHILE = {"basic": 0.1, "avx2": 0.3, "avx512": 1.0}
LARGE, WORTHWHILE_LARGE = 512, 0.1


# The same for modules: the share of multiply-adds that the mask leaves. Without convolutions it is half that,
# from so many weights on, since steps of small ones wait for Python. (Not measured on the user's machine:
# the choice moves the last digits, and the same seed is to give the same results everywhere.)
WORTHWHILE_MODULE = {"basic": 0.5, "avx2": 0.35, "avx512": 0.5}
LINEAR_SHARE, LINEAR_FROM = 0.5, 900_000


class Wanted(NamedTuple):
    """The arguments of `make_network`."""

    architecture: Architecture
    weights: np.ndarray
    mask: np.ndarray
    recipe: Recipe
    device: str
    dtype: torch.dtype
    extras: np.ndarray


class BackEnd(NamedTuple):
    """An implementation of `Network`, and a test of whether it supports a given network."""

    supports: Callable[[Wanted], bool]
    make: Callable[[Wanted], Network]


def _sparse_pays(wanted: Wanted) -> bool:
    """Can the compiled kernels train this network on this machine, and are they faster than torch?

    They are not for structured masks, which torch computes as a smaller dense network; for very small
    minibatches, because the kernels compute whole blocks of samples; and for minibatches that exceed the
    caches, unless the density is low.
    """
    architecture, dtype = wanted.architecture, wanted.dtype
    on_cpu = torch.device(wanted.device).type == "cpu"
    if not (on_cpu and library.available() and sparse_mlp.computes(architecture, dtype)):
        return False
    if not wanted.recipe.descent.elementwise:  # such an optimiser needs whole matrices
        return False
    block = sparse_mlp.BLOCK_BYTES // dtype.itemsize
    return _pays(architecture, wanted.mask, wanted.recipe.batch_size, block)


def _pays(architecture: Architecture, mask: np.ndarray, batch: int, block: int) -> bool:
    """Are the kernels faster than torch, for minibatches of `batch` samples (0: all) in blocks of `block`?"""
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


def _sparse_module_pays(wanted: Wanted) -> bool:
    """Do the kernels compute this module's layers, and faster than torch?

    They are not for structured masks, which torch computes as a smaller dense network, and for minibatches
    that are smaller than a block of samples, which they always compute as a whole.
    """
    on_cpu = torch.device(wanted.device).type == "cpu"
    if not (on_cpu and library.available() and wanted.dtype in library.DTYPES):
        return False
    if not wanted.recipe.descent.elementwise:
        return False
    architecture, limit = wanted.architecture, WORTHWHILE_MODULE[library.best_variant()]
    if not sparse_module.convolves(architecture):
        if architecture.layout.size < LINEAR_FROM:
            return False
        limit *= LINEAR_SHARE
    if batch := wanted.recipe.batch_size:
        limit *= batch / (-(-batch // SAMPLES) * SAMPLES)
    if (
        not (sparse_module.of_rows(architecture) and sparse_module.computes(architecture))
        or sparse_module.active_share(architecture, wanted.mask) > limit
    ):
        return False
    smaller = narrow_to_mask(architecture, wanted.mask) if wanted.recipe.descent.idle_stay else None
    return smaller is None or bool(wanted.mask[smaller.genes].mean() <= limit)


def _sparse(wanted: Wanted) -> Network:
    return sparse_mlp.SparseMLP(
        wanted.architecture, wanted.weights, wanted.mask, wanted.recipe, wanted.dtype, wanted.extras
    )


# All give the same results up to rounding; the fastest comes first.
BACK_ENDS: dict[str, BackEnd] = {
    "sparse-mlp": BackEnd(_sparse_pays, _sparse),
    "masked-mlp": BackEnd(
        lambda wanted: has_gradients(wanted.architecture), lambda wanted: MaskedMLP(*wanted)
    ),
    "sparse-module": BackEnd(
        _sparse_module_pays,
        lambda wanted: sparse_module.SparseModule(*wanted[:4], wanted.dtype, wanted.extras),
    ),
    "masked-module": BackEnd(lambda wanted: True, lambda wanted: MaskedModule(*wanted)),
}


@as_usual()
def make_network(
    architecture: Architecture,
    weights: np.ndarray,
    mask: np.ndarray,
    recipe: Recipe,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    extras: np.ndarray = INITIAL,
) -> Network:
    """The network with weights float32[n] under the mask bool[n], ready to be trained by the recipe.

    extras: float32[m], biases and normalisations; initial unless given
    """
    wanted = Wanted(architecture, weights, mask, recipe, device, dtype, extras)
    return next(back_end.make(wanted) for back_end in BACK_ENDS.values() if back_end.supports(wanted))


@as_usual()
def make_stack(
    architecture: Architecture,
    weights: Sequence[np.ndarray],
    masks: Sequence[np.ndarray],
    recipe: Recipe,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    precision: str = "float32",
    extras: np.ndarray = INITIAL,
) -> Stack:
    """A stack: networks with these weights and masks that train together.

    extras: float32[m], of all of them alike; initial unless given
    precision: as for `StackedMLP`, or, on a GPU, `FusedMLP`
    Raises NetsError for networks that cannot be stacked, and for a precision that they do not support.
    """
    arguments = (weights, masks, recipe, device, dtype)
    if has_gradients(architecture):
        kind = FusedMLP if fused_mlp.supports(architecture, recipe, device, dtype, precision) else StackedMLP
        return kind(architecture, *arguments, precision, extras)
    if precision != "float32":
        raise NetsError(f"`precision` {precision}: other products than float32's are for perceptrons")
    return StackedModule(architecture, *arguments, extras=extras)
