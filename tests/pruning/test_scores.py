from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from nets_deap.models.architecture import Architecture
from nets_deap.models.registry import build
from nets_deap.models.zoo.perceptrons import perceptron
from nets_deap.pruning.scores import SCORES, TEMPERATURE, Candidate
from tests.architectures import convnet, mlp, of

LINEAR = mlp((2,), (), 2, "relu", "mse")
TWO_LAYERS = mlp((2,), (1,), 2, "relu", "mse")


def candidate(architecture: Architecture, weights: list[float], mask: list[int] | None = None) -> Candidate:
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


SMALL = {
    "perceptron": mlp((5,), (4,), 3, "relu", "cross-entropy"),
    "sigmoid, mean squared error": mlp((5,), (4,), 3, "sigmoid", "mse"),
    "convolutional": convnet((1, 4, 4), [2, "M"], [3]),
    "residual, with normalisation": build("wrn-10-1", (1, 8, 8), 3),
}


def parts(given: Candidate, name: str) -> Callable[[np.ndarray], float]:
    """What the score called `name` is the derivative of, as a function of θ ⊙ M, computed from scratch."""

    def loss(at: np.ndarray) -> float:
        return float(given.loss(torch.from_numpy(at)))

    def gradient_flow(at: np.ndarray) -> float:
        flat = torch.from_numpy(at).requires_grad_()
        temperature = TEMPERATURE if given.architecture.criterion.loss.kind == "cross-entropy" else 1.0
        (slope,) = torch.autograd.grad(given.loss(flat, temperature), flat)
        return 0.5 * float((slope[torch.from_numpy(given.mask)] ** 2).sum())

    def flow(at: np.ndarray) -> float:
        ones = torch.ones(1, *given.architecture.input_shape, dtype=torch.float64)
        if given.architecture.perceptron is not None:  # SynFlow leaves its activations out
            through = ones.ravel()
            for _, part in given.architecture.layout.split(torch.from_numpy(np.abs(at))):
                through = part @ through
            return float(through.sum())
        return float(given.outputs(torch.from_numpy(np.abs(at)), ones, training=False).sum())

    return {"gradient": loss, "snip": loss, "grasp": gradient_flow, "synflow": flow}[name]


@pytest.mark.parametrize("density", [1.0, 0.6])
@pytest.mark.parametrize("kind", SMALL)
@pytest.mark.parametrize("name", ["gradient", "snip", "grasp", "synflow"])
def test_scores_in_rounds_are_derivatives_of_the_surviving_network(
    name: str, kind: str, density: float, rng: np.random.Generator
) -> None:
    architecture = SMALL[kind]
    weights = rng.normal(0, 0.5, architecture.layout.size)
    mask = rng.random(weights.size) < density if density < 1 else np.ones(weights.size, dtype=bool)
    x = torch.from_numpy(rng.normal(size=(9, *architecture.input_shape)))
    targets = architecture.targets(torch.arange(9) % 3, torch.float64)
    given = Candidate(architecture, weights, mask, x, targets, rng)
    of, active, scores = parts(given, name), np.where(mask, weights, 0), SCORES[name](given)
    places = rng.permutation(weights.size)[: 40 if weights.size < 1000 else 12]
    if name != "gradient":
        assert (scores[~mask] == 0).all()
        places = places[mask[places]]  # a pruned weight is at a kink of |θ|
    slopes = []
    for place in places:
        aside = np.zeros(weights.size)
        aside[place] = 1e-5
        slopes.append((of(active + aside) - of(active - aside)) / 2e-5)
    expected = np.array(slopes) * (1 if name == "gradient" else active[places])
    if name != "grasp":
        expected = np.abs(expected)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(scores[places], expected, rtol=1e-4, atol=1e-5 * scale)


def test_a_pruned_weight_has_no_say_in_the_next_round(rng: np.random.Generator) -> None:
    architecture = SMALL["perceptron"]
    mask = rng.random(architecture.layout.size) < 0.6
    weights = rng.normal(0, 0.5, mask.size)
    x = torch.from_numpy(rng.normal(size=(9, 5)))
    targets = architecture.targets(torch.arange(9) % 3, torch.float64)
    for name in set(SCORES) - {"random"}:
        one, other = (
            SCORES[name](Candidate(architecture, values, mask, x, targets, rng))[mask]
            for values in (weights, np.where(mask, weights, 9.0))
        )
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (
            lambda: perceptron([4, 3, 2], "tanh"),
            "has the activation tanh",
        ),
        (lambda: nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 2)), "is not linear"),
        (lambda: perceptron([4, 3, 2]), ""),
    ],
    ids=["tanh", "normalised", "relu"],
)
def test_synflow_says_where_its_assumption_fails(make, says: str) -> None:
    architecture = of(make, (4,), 2)
    scored = candidate(architecture, list(range(1, architecture.layout.size + 1)))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        SCORES["synflow"](scored)
    assert [says in str(each.message) for each in told] == [True] * bool(says)
