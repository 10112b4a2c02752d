"""How many nodes of each group live, in sub-networks of one sparsity or one density."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nets_deap.models.architecture import Architecture
from nets_deap.models.node_space import known, weight_mask
from nets_deap.util.errors import NetsError


def of_sparsity(architecture: Architecture, sparsity: float | Sequence[float], repair: bool) -> list[int]:
    """Number of living nodes in each group, with one share of nodes that are off, or one for each group.

    repair: keep one node where none would be left. Raises NetsError if a group has none.
    """
    names, sizes = known(architecture).nodes.names, known(architecture).nodes.sizes
    shares = [sparsity] if isinstance(sparsity, int | float) else sparsity
    given = [float(shares[0])] * len(sizes) if len(shares) == 1 else list(shares)
    if len(given) != len(sizes):
        raise NetsError(
            f"weedout: {len(given)} sparsities for {len(sizes)} groups of nodes: one, or one for each of "
            f"{', '.join(names)}"
        )
    counts = []
    for name, size, share in zip(names, sizes, given, strict=True):
        if not 0 <= share <= 1:
            raise NetsError(f"weedout: a sparsity of {share:g}: expected a share from 0 to 1")
        left = round((1 - share) * size)
        if not left and not repair:
            raise NetsError(
                f"weedout: a sparsity of {share:g} leaves none of the {size} nodes of {name}: take a "
                "lower one, or repair=yes, which keeps one"
            )
        counts.append(max(1, left))
    return counts


def of_density(architecture: Architecture, density: float, repair: bool) -> list[int]:
    """Counts for one share of nodes in all groups, which brings the density of weights nearest to this one.

    By bisection: more nodes have more weights. Raises NetsError if a group has none.
    """
    sizes = np.array(known(architecture).nodes.sizes)

    def at(share: float) -> tuple[float, list[int]]:
        """The density of weights and the counts for a share of the nodes."""
        counts = np.maximum(1, np.rint(share * sizes)).astype(int)
        nodes = np.concatenate([np.arange(size) < n for size, n in zip(sizes, counts, strict=True)])
        return float(weight_mask(architecture, nodes).mean()), counts.tolist()

    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (low, middle) if at(middle)[0] > density else (middle, high)
    share = min(low, high, key=lambda share: abs(at(share)[0] - density))
    if not (repair or np.rint(share * sizes).all()):
        raise NetsError(
            f"weedout: a density of {density:g} leaves some group of nodes without any: ask for more, or "
            "take repair=yes, which keeps one"
        )
    return at(share)[1]
