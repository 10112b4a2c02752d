"""ProsPr: what the loss after a few steps says of the weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from nets_deap.models.registry import build
from nets_deap.pruning.prospect import Prospect, prospect
from nets_deap.pruning.scores import Candidate, snip
from tests.architectures import drawn_extras, mlp

# Two weights of 1, and the mean squared error of the samples (1, 0) → 0 and (0, 2) → 1: the errors are w₁ and
# 2 w₂ − 1, both 1, the gradients are w₁ and 2 (2 w₂ − 1). A step at rate α multiplies the errors by 1 − α and
# 1 − 4 α, and so does the way back.
EXAMPLE = Candidate(
    mlp((2,), (), 1, "relu", "mse"),
    np.ones(2, dtype=np.float32),
    np.ones(2, dtype=bool),
    torch.tensor([[1.0, 0.0], [0.0, 2.0]]),
    torch.tensor([[0.0], [1.0]]),
    np.random.default_rng(0),
)


@pytest.mark.parametrize(
    ("steps", "scores"),
    [(0, [1, 2]), (1, [0.9**2, 2 * 0.6**2]), (3, [0.9**6, 2 * 0.6**6])],
)
def test_prospr_worked_out(steps: int, scores: list[float]) -> None:
    np.testing.assert_allclose(prospect(EXAMPLE, steps, 0.1), scores, rtol=1e-5)


def test_steps_to_come_turn_snips_order_round() -> None:
    assert snip(EXAMPLE).argmax() == 1
    assert Prospect("prospr").mask(EXAMPLE, 0.5).tolist() == [True, False]


def test_a_pruned_weight_takes_no_part() -> None:
    pruned = replace(EXAMPLE, mask=np.array([True, False]))
    np.testing.assert_allclose(prospect(pruned, 3, 0.1), [0.9**6, 0], rtol=1e-5)


@pytest.mark.parametrize("model", ["mlp:64-9-10,bias=yes", "wrn-10-1"])
def test_it_is_the_slope_of_the_loss_after_steps_of_all_weights_and_biases(model: str) -> None:
    """Against differences of a mask's entry, the steps taken by torch's SGD."""
    architecture, rng = build(model, (1, 8, 8), 10), np.random.default_rng(0)
    weights = rng.normal(0, 0.3, architecture.layout.size).astype(np.float32)
    extras = np.abs(drawn_extras(architecture))
    x = torch.from_numpy(rng.normal(size=(6, 1, 8, 8)))
    targets = architecture.targets(torch.arange(6), torch.float64)
    everything = np.ones(weights.size, dtype=bool)
    candidate = Candidate(architecture, weights, everything, x, targets, rng, extras)

    def after(entry: int, change: float) -> float:
        module = architecture.module().double().train()
        changed = weights.astype(np.float64)
        changed[entry] *= 1 + change
        module.load_state_dict(
            architecture.named(torch.from_numpy(changed), torch.from_numpy(extras).double()), strict=False
        )
        descent = torch.optim.SGD(module.parameters(), 0.05)
        for _ in range(2):
            descent.zero_grad()
            architecture.criterion.loss(module(x), targets).mean().backward()
            descent.step()
        return architecture.criterion.loss(module(x), targets).mean().item()

    scores = prospect(candidate, 2, 0.05)
    for entry in (0, weights.size // 2, int(scores.argmax())):
        slope = (after(entry, 1e-5) - after(entry, -1e-5)) / 2e-5
        assert scores[entry] == pytest.approx(abs(slope), rel=1e-4, abs=1e-9)


def test_its_cost_counts_every_gradient_and_pass() -> None:
    cost = Prospect("prospr", rounds=2).cost(1000)
    assert (cost.gradient_steps, cost.samples, cost.forward_passes) == (2 * 7, 2 * 7 * 128, 2 * 4 * 128)
    without = Prospect("prospr", steps=0, samples=50).cost(1000)  # that of SNIP
    assert (without.gradient_steps, without.samples, without.forward_passes) == (1, 50, 50)
