"""Carry an optimiser's memory from one network to another: the same weights under another mask."""

from __future__ import annotations

import numpy as np
import torch

from nets_deap.networks.protocol import Network


def can_carry(network: Network) -> bool:
    """Is all that its optimiser remembers of a weight in vectors like `flat`?"""
    return network.descent.recordable


def places(network: Network) -> np.ndarray:
    """int[k]: where each number of `flat`, on a CPU, is among the n weights and, after them, the m extras.

    Back ends leave out pruned weights, or whole nodes that the mask has cut off.
    """
    n = network.architecture.layout.size
    genes: np.ndarray | None = None
    others: np.ndarray | None = None
    if narrowing := getattr(network, "narrowing", None):
        genes, others = narrowing.genes, narrowing.others
    elif compaction := getattr(network, "compaction", None):
        genes, others = compaction.genes, compaction.units
    genes = np.arange(n) if genes is None else genes
    stored = getattr(network, "genes", None)
    if stored is not None:
        genes = genes[stored]
    count = network.flat.numel() - len(genes)
    return np.concatenate([genes, n + (np.arange(count) if others is None else others[:count])])


def carry(old: Network, new: Network, kept: np.ndarray) -> None:
    """Let `new` go on with what the optimiser of `old` remembers of the weights in `kept`, bool[n], and of
    the extras. It remembers nothing of other weights.
    """
    memory = old.descent.memory()
    if not memory:
        return
    m = sum(extra.size for extra in old.architecture.extras)
    stays = torch.from_numpy(np.concatenate([kept, np.ones(m, dtype=bool)]))
    before, after = (torch.from_numpy(places(network)) for network in (old, new))
    carried = {}
    for name, kept_of in memory.items():
        carried[name] = kept_of
        if kept_of.shape == old.flat.shape:
            whole = kept_of.new_zeros(stays.shape)
            whole[before] = kept_of
            carried[name] = whole.mul_(stays)[after]
    new.descent.remember(carried)
