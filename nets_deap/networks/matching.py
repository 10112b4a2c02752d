"""Which hidden nodes of two networks do the same: matching by activations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nets_deap.models.architecture import Architecture
from nets_deap.models.node_space import known
from nets_deap.util.threads import one_thread

CHUNK = 100  # samples at a time
Trained = tuple[np.ndarray, np.ndarray]  # weights float32[n], and extras float32[m]


@one_thread()
def matched(architecture: Architecture, one: Trained, other: Trained, x: Tensor) -> np.ndarray:
    """int[k]: the place in the other network of each hidden node of the one, for `reordering.reordered`.

    x: samples [b, *shape]

    Of each group of nodes, those whose activations agree: the permutation P with the largest ⟨P, Z Z'ᵀ⟩,
    where Z and Z' hold the nodes' activations on the samples (Ainsworth et al. 2023, section 3.1; Adnan et
    al. 2025). Activations are what the next layers read: the inputs of all layers that read a group, a
    node's pixels side by side.
    Raises NetsError where hidden nodes cannot be told.
    """
    from scipy.optimize import linear_sum_assignment

    sizes = known(architecture).nodes.sizes
    agreement = [np.zeros((size, size)) for size in sizes]
    for some in x.split(CHUNK):
        seen, others = (_inputs(architecture, *network, some) for network in (one, other))
        for name, group, read in _readers(architecture):
            z, other_z = (each[name][read].reshape(sizes[group], -1).double() for each in (seen, others))
            agreement[group] += (z @ other_z.T).numpy()
    starts = np.cumsum([0, *sizes[:-1]])
    order = [
        start + linear_sum_assignment(np.nan_to_num(part), maximize=True)[1]  # NaN: a network has diverged
        for start, part in zip(starts, agreement, strict=True)
    ]
    return np.concatenate(order)


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
