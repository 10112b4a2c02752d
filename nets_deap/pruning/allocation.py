"""How many weights each layer keeps, exactly."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from nets_deap.models.layout import Layout
from nets_deap.util.errors import DivergedError, NetsError, unknown


def active_weights(layout: Layout, density: float) -> int:
    """The number of weights at a density. Raises NetsError if there is less than one per layer."""
    if not 0 < density <= 1:
        raise NetsError(f"density {density:g}: expected more than 0 and at most 1")
    total = round(density * layout.size)
    if total < len(layout.sizes):
        least = len(layout.sizes) / layout.size
        raise NetsError(
            f"density {density:g} leaves {total} of {layout.size:,} weights for {len(layout.sizes)} layers: "
            f"the least is {least:.2g}"
        )
    return total


def uniform(layout: Layout, total: int) -> np.ndarray:
    """The same density in every layer."""
    return np.full(len(layout.sizes), total / layout.size)


def erk(layout: Layout, total: int) -> np.ndarray:
    """Erdős–Rényi-kernel: densities in proportion to Σ dims / Π dims. Evci et al. 2020, section 3."""
    raw = np.array([sum(shape) / np.prod(shape) for shape in layout.shapes])
    return filled(layout, raw, total)


def filled(layout: Layout, wanted: np.ndarray, total: int) -> np.ndarray:
    """Layer densities in proportion to `wanted` that keep `total` weights in all.

    A layer that would exceed density 1 becomes dense, and the others share what is left (water-filling).
    """
    sizes = np.array(layout.sizes, dtype=float)
    full = np.zeros(len(sizes), dtype=bool)
    while True:
        scale = (total - sizes[full].sum()) / (wanted * sizes)[~full].sum() if not full.all() else 1.0
        densities = np.where(full, 1.0, scale * wanted)
        if (densities <= 1).all():
            return densities
        full |= densities > 1


ALLOCATIONS: dict[str, Callable[[Layout, int], np.ndarray]] = {"uniform": uniform, "erk": erk}
GLOBAL = "global"  # no allocation: scores compete over all layers


def exact_counts(
    layout: Layout,
    densities: Sequence[float] | np.ndarray,
    total: int,
    most: np.ndarray | None = None,
) -> np.ndarray:
    """int64[layers] that sum to `total`, as close to these layer densities as whole numbers allow.

    The largest remainders are rounded up first. Every layer keeps at least 1 weight and at most `most`, its
    size unless given. Raises NetsError for a total that the layers cannot hold.
    """
    sizes = np.array(layout.sizes)
    most = sizes if most is None else most
    if not len(sizes) <= total <= most.sum():
        raise NetsError(f"{total:,} weights do not go into {len(sizes)} layers of {most.sum():,} in all")
    if not np.isfinite(densities).all():
        raise NetsError("layer densities that are not finite: nothing can be planned by them")
    wanted = np.clip(np.asarray(densities) * sizes, 1, most)
    counts = np.floor(wanted + 1e-9).astype(np.int64)
    while (missing := total - counts.sum()) != 0:
        step = int(np.sign(missing))
        room = (counts < most) if step > 0 else (counts > 1)
        order = np.where(room, step * (wanted - counts), -np.inf)
        counts[np.argsort(-order, kind="stable")[: min(abs(missing), int(room.sum()))]] += step
    return counts


def allocate(
    layout: Layout, density: float, name: str | Sequence[float], most: np.ndarray | None = None
) -> np.ndarray | int:
    """How many weights `keep` should keep: in each layer, int64[layers], or in total for "global".

    name: a name in ALLOCATIONS, "global", or one density for each layer, which together give `density`
    most: the weights that each layer has left, int64[layers]; its size unless given
    Raises NetsError for an unknown name, and for counts that the layers cannot hold.
    """
    total = active_weights(layout, density)
    if not isinstance(name, str):
        return exact_counts(layout, _given(layout, density, name), total, most)
    if name == GLOBAL:
        return total
    if name not in ALLOCATIONS:
        raise unknown("allocation", name, [*ALLOCATIONS, GLOBAL])
    return exact_counts(layout, ALLOCATIONS[name](layout, total), total, most)


def _given(layout: Layout, density: float, shares: Sequence[float]) -> Sequence[float]:
    """Check layer densities that a user has given, and return them."""
    text = "/".join(f"{share:g}" for share in shares)
    if len(shares) != len(layout.sizes) or not all(0 < share <= 1 for share in shares):
        raise NetsError(f"layer densities {text}: expected {len(layout.sizes)} of more than 0 and at most 1")
    implied = float(np.dot(shares, layout.sizes)) / layout.size
    if abs(implied - density) > 0.01 * density:
        raise NetsError(f"layer densities {text} make {implied:.4g} in all, not {density:g}: ask for that")
    return shares


def _highest(scores: np.ndarray, alive: np.ndarray, count: int) -> np.ndarray:
    """The mask of the `count` highest scores among live weights; in a tie, the first."""
    places = np.flatnonzero(alive)
    if not 0 <= count <= len(places):
        raise NetsError(f"{count:,} weights should stay, but only {len(places):,} are alive")
    if not np.isfinite(scores[places]).all():
        raise DivergedError(
            "a network to be pruned has weights or gradients that are not finite: it diverged"
        )
    order = np.argsort(-scores[places].astype(np.float64), kind="stable")
    mask = np.zeros(alive.size, dtype=bool)
    mask[places[order[:count]]] = True
    return mask


def keep(layout: Layout, scores: np.ndarray, mask: np.ndarray, counts: np.ndarray | int) -> np.ndarray:
    """The mask of the highest scores among the weights that are alive in `mask`, bool[n].

    counts: how many weights to keep, in each layer or in total
    """
    if isinstance(counts, int | np.integer):
        return _highest(scores, mask, int(counts))
    parts = zip(layout.split(scores), layout.split(mask), counts, strict=True)
    return np.concatenate(
        [_highest(score.ravel(), alive.ravel(), int(count)) for (_, score), (_, alive), count in parts]
    )
