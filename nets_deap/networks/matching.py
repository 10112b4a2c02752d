"""Which hidden nodes of two networks do the same: matching by activations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from nets_deap.models.architecture import Architecture
from nets_deap.models.node_space import known
from nets_deap.util.errors import NetsError
from nets_deap.util.threads import one_thread

CHUNK = 100  # samples at a time
SMALL = 1e-12  # product of two standard deviations below which there is no correlation
Trained = tuple[np.ndarray, np.ndarray]  # weights float32[n], and extras float32[m]


@one_thread()
def matched(architecture: Architecture, one: Trained, other: Trained, x: Tensor) -> np.ndarray:
    """int[k]: the place in the other network of each hidden node of the one, for `reordering.reordered`.

    x: samples [b, *shape]

    Of each group of nodes, those whose activations go together: the permutation P with the largest ⟨P, C⟩
    (Ainsworth et al. 2023, section 3.1), where C holds the correlations of the nodes' activations over the
    samples, as Adnan et al. 2025 have it: without their means and scales, which say little of what a node
    does. A node that does not vary has none. Activations are what the next layers read: the inputs of all
    layers that read a group, a node's pixels side by side.
    Raises NetsError where hidden nodes cannot be told, or a network has diverged.
    """
    from scipy.optimize import linear_sum_assignment

    sizes = known(architecture).nodes.sizes
    sums = [_Sums.none(size) for size in sizes]
    for some in x.split(CHUNK):
        seen, others = (_inputs(architecture, *network, some) for network in (one, other))
        for name, group, read in _readers(architecture):
            z, other_z = (each[name][read].reshape(sizes[group], -1).double() for each in (seen, others))
            sums[group] = sums[group].plus(z.numpy(), other_z.numpy())
    if not all(np.isfinite(part).all() for each in sums for part in each[1:]):
        raise NetsError(
            "no units can be matched: a dense training has diverged, so that its activations are not finite: "
            "lower the learning rate, or leave +permuted out"
        )
    starts = np.cumsum([0, *sizes[:-1]])
    order = [
        start + linear_sum_assignment(each.correlations(), maximize=True)[1]
        for start, each in zip(starts, sums, strict=True)
    ]
    return np.concatenate(order)


class _Sums(NamedTuple):
    """Sums over activations of two networks' nodes: how many, of each, of each squared, of all products"""

    samples: int
    one: np.ndarray
    other: np.ndarray
    squares: np.ndarray
    other_squares: np.ndarray
    products: np.ndarray

    @classmethod
    def none(cls, size: int) -> _Sums:
        zero = np.zeros(size)
        return cls(0, zero, zero, zero, zero, np.zeros((size, size)))

    def plus(self, z: np.ndarray, other: np.ndarray) -> _Sums:
        """z, other: float64[k, ·], the activations of the nodes of one network and the other"""
        now = (z.shape[1], z.sum(1), other.sum(1), (z * z).sum(1), (other * other).sum(1), z @ other.T)
        return _Sums(*(before + more for before, more in zip(self, now, strict=True)))

    def correlations(self) -> np.ndarray:
        """float64[k, k], of each node of the one with each of the other; 0 where one does not vary"""
        mean, other = self.one / self.samples, self.other / self.samples
        covariance = self.products / self.samples - np.outer(mean, other)
        spread = np.sqrt(np.maximum(self.squares / self.samples - mean**2, 0))
        other_spread = np.sqrt(np.maximum(self.other_squares / self.samples - other**2, 0))
        scale = np.outer(spread, other_spread)
        return np.divide(covariance, scale, out=np.zeros_like(scale), where=scale > SMALL)


def _readers(architecture: Architecture) -> Iterator[tuple[str, int, np.ndarray]]:
    """The layers that read a group of nodes: its name, the number of the group, and the places of the nodes
    among its inputs, those of one node together."""
    groups, start = known(architecture), 0
    for group, size in enumerate(groups.nodes.sizes):
        for name, wire in zip(architecture.layout.names, groups.wires, strict=True):
            read = np.flatnonzero((start <= wire.source) & (wire.source < start + size))
            if read.size:
                yield name, group, read[np.argsort(wire.source[read], kind="stable")]
        start += size


def _inputs(
    architecture: Architecture, weights: np.ndarray, extras: np.ndarray, x: Tensor
) -> dict[str, Tensor]:
    """What each layer reads, [in, ·], by its name."""
    seen: dict[str, Tensor] = {}
    module = architecture.module().eval()

    def note(name: str) -> Callable[..., None]:
        def hook(layer: nn.Module, given: Any) -> None:
            channels = -1 if isinstance(layer, nn.Linear) else 1
            seen[name] = given[0].detach().movedim(channels, 0).flatten(1)

        return hook

    for name in architecture.layout.names:
        module.get_submodule(name).register_forward_pre_hook(note(name))
    named = architecture.named(torch.from_numpy(weights), torch.tensor(architecture.or_initial(extras)))
    with torch.no_grad():
        torch.func.functional_call(module, named, (x,))
    return seen
