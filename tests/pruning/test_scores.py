from __future__ import annotations

import numpy as np
import pytest
import torch

from nets_deap.models.mlp import MLP
from nets_deap.pruning.scores import SCORES, Candidate, grasp

LINEAR = MLP("linear", (2,), (), 2, "relu", "mse")
TWO_LAYERS = MLP("two", (2,), (1,), 2, "relu", "mse")


def candidate(architecture: MLP, weights: list[float], mask: list[int] | None = None) -> Candidate:
    """One sample, (1, 2), which should give (0, 1)."""
    return Candidate(
        architecture,
        np.array(weights, dtype=np.float32),
        np.array(mask or [1] * len(weights), dtype=bool),
        torch.tensor([[1.0, 2.0]]),
        torch.tensor([[0.0, 1.0]]),
        np.random.default_rng(0),
    )


# W = [[1, 0], [2, −1]] says (1, 0): errors e = (1, −1), so the gradient of row i is eᵢ (1, 2), and with the
# Hessian (1, 2)ᵀ(1, 2) of each row, Hg is 5 eᵢ (1, 2).
WORKED = {
    "magnitude": [1, 0, 2, 1],
    "gradient": [1, 2, 1, 2],
    "snip": [1, 0, 2, 2],
    "grasp": [1 * 5, 0 * 10, 2 * -5, -1 * -10],
    "synflow": [1, 0, 2, 1],  # one layer: R is the sum of |θ|
}


@pytest.mark.parametrize("name", WORKED)
def test_scores_of_four_weights_worked_by_hand(name: str) -> None:
    np.testing.assert_allclose(SCORES[name](candidate(LINEAR, [1, 0, 2, -1])), WORKED[name], atol=1e-6)


def test_synflow_of_two_layers_worked_by_hand() -> None:
    # R = (|1| + |−2|) (|3| + |−4|): the inputs' weights carry 7 each, the outputs' 3.
    weights = [1.0, -2, 3, -4]
    np.testing.assert_allclose(SCORES["synflow"](candidate(TWO_LAYERS, weights)), [7, 14, 9, 12])
    # Without the second weight: R = 1 · 7.
    np.testing.assert_allclose(SCORES["synflow"](candidate(TWO_LAYERS, weights, [1, 0, 1, 1])), [7, 0, 3, 4])


def test_every_score_is_here() -> None:
    assert set(SCORES) == {*WORKED, "random"}


@pytest.mark.parametrize("name", SCORES)
def test_scores_leave_the_candidate_alone_and_are_finite(name: str) -> None:
    given = candidate(TWO_LAYERS, [1, -2, 3, -4], [1, 0, 1, 1])
    scores = SCORES[name](given)
    assert scores.shape == (4,)
    assert np.isfinite(scores).all()
    assert given.weights.tolist() == [1, -2, 3, -4]
    assert given.mask.tolist() == [1, 0, 1, 1]


def test_grasp_agrees_with_finite_differences(rng: np.random.Generator) -> None:
    architecture = MLP("small", (3,), (4,), 3, "relu", "cross-entropy")
    weights = rng.normal(0, 0.5, architecture.layout.size)
    given = Candidate(
        architecture, weights, np.ones(weights.size, bool), torch.from_numpy(rng.normal(size=(9, 3))),
        architecture.targets(torch.arange(9) % 3, torch.float64), rng,
    )  # fmt: skip

    def slope(at: np.ndarray) -> np.ndarray:
        flat = torch.from_numpy(at).requires_grad_()
        return torch.autograd.grad(given.loss(flat, 2.0), flat)[0].numpy()

    step = 1e-6
    g = slope(weights)
    curved = (slope(weights + step * g) - slope(weights - step * g)) / (2 * step)
    np.testing.assert_allclose(grasp(given, temperature=2.0), weights * curved, rtol=1e-5, atol=1e-9)
