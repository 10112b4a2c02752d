from __future__ import annotations

import numpy as np
import pytest

from nets_deap.models.layout import Layout
from nets_deap.models.registry import build
from nets_deap.pruning.allocation import ALLOCATIONS, GLOBAL, allocate, exact_counts, keep
from nets_deap.util.errors import NetsError

TINY = Layout(("a", "b"), ((2, 2), (1, 4)))
LENET = build("lenet-300-100", (1, 28, 28), 10).layout


@pytest.mark.parametrize("density", [1.0, 0.5, 0.2, 0.05, 0.01, 0.001])
@pytest.mark.parametrize("name", ALLOCATIONS)
def test_the_density_is_exact_and_no_layer_empty(name: str, density: float) -> None:
    counts = allocate(LENET, density, name)
    assert counts.sum() == round(density * LENET.size)
    assert (counts >= 1).all()
    assert (counts <= LENET.sizes).all()
    assert allocate(LENET, density, GLOBAL) == counts.sum()


def test_uniform_and_erk_written_out() -> None:
    assert allocate(TINY, 0.5, "uniform").tolist() == [2, 2]
    assert allocate(LENET, 0.05, "uniform").tolist() == [11_760, 1_500, 50]
    # Σ dims / Π dims of the layers is 1084/235200, 400/30000 and 110/1000: weights as 1084 : 400 : 110.
    share = 13_310 / (1084 + 400 + 110)
    expected = np.array([1084, 400, 110]) * share
    assert np.abs(allocate(LENET, 0.05, "erk") - expected).max() <= 1
    # At 20 % the last two would pass 1 at that share, and the last one does: 1,000 weights, all there.
    counts = allocate(LENET, 0.2, "erk")
    assert counts[2] == 1000
    assert np.abs(counts[:2] - np.array([1084, 400]) * (53_240 - 1000) / 1484).max() <= 1


def test_layer_densities_can_be_given() -> None:
    shares = [0.01, 0.05, 0.3]
    assert allocate(LENET, 4152 / 266_200, shares).tolist() == [2352, 1500, 300]
    assert allocate(LENET, 4150 / 266_200, shares).sum() == 4150  # exact, where nearly that is asked for
    for wrong in ([0.1, 0.1], [0.1, 0.1, 0.0], [0.1, 0.1, 1.1]):
        with pytest.raises(NetsError, match="expected 3 of more than 0"):
            allocate(LENET, 0.5, wrong)
    with pytest.raises(NetsError, match=r"0.01/0.05/0.3 make 0.0156 in all, not 0.5: ask for that"):
        allocate(LENET, 0.5, shares)


def test_counts_are_whole_and_as_near_as_can_be() -> None:
    assert exact_counts(TINY, [0.3, 0.45], 3).tolist() == [1, 2]  # 1.2 and 1.8
    assert exact_counts(TINY, [0.01, 0.9], 4).tolist() == [1, 3]  # no layer is left empty
    assert exact_counts(TINY, [0.3, 0.7], 4, np.array([4, 2])).tolist() == [2, 2]  # nor above what it had
    for total in (1, 9):
        with pytest.raises(NetsError, match="do not go into 2 layers of 8"):
            exact_counts(TINY, [0.5, 0.5], total)


@pytest.mark.parametrize(("density", "says"), [(0, "more than 0"), (1.5, "at most 1"), (1e-6, "the least")])
def test_densities_that_cannot_be_are_refused(density: float, says: str) -> None:
    with pytest.raises(NetsError, match=says):
        allocate(LENET, density, "uniform")


def test_an_unknown_allocation_is_refused() -> None:
    with pytest.raises(NetsError, match="unknown allocation"):
        allocate(LENET, 0.5, "uniforn")


def test_what_is_kept_written_out() -> None:
    scores = np.array([1.0, 4, 3, 2, 9, 8, 7, 6])
    alive = np.array([1, 1, 1, 1, 0, 1, 1, 1], dtype=bool)
    assert keep(TINY, scores, alive, np.array([2, 1])).tolist() == [0, 1, 1, 0, 0, 1, 0, 0]
    assert keep(TINY, scores, alive, 3).tolist() == [0, 0, 0, 0, 0, 1, 1, 1]
    assert keep(TINY, np.zeros(8), alive, 3).tolist() == [1, 1, 1, 0, 0, 0, 0, 0]  # of equals, the first
    for count in (8, -1):
        with pytest.raises(NetsError, match="only 7 are alive"):
            keep(TINY, scores, alive, count)
    scores[0] = np.nan
    with pytest.raises(NetsError, match="not finite"):
        keep(TINY, scores, alive, 3)


@pytest.mark.parametrize("counts", [np.array([100_000, 3000, 500]), 50_000])
def test_kept_scores_are_not_below_pruned_ones(counts: np.ndarray | int, rng: np.random.Generator) -> None:
    scores, alive = rng.random(LENET.size), rng.random(LENET.size) < 0.9
    kept = keep(LENET, scores, alive, counts)
    assert kept.sum() == np.sum(counts)
    assert not (kept & ~alive).any()
    parts = (
        LENET.split(np.arange(LENET.size))
        if isinstance(counts, np.ndarray)
        else [("", np.arange(LENET.size))]
    )
    for _, part in parts:
        mine, others = kept[part], alive[part] & ~kept[part]
        assert scores[part][mine].min() >= scores[part][others].max()
