from __future__ import annotations

import numpy as np
import pytest
import torch

from nets_deap.data.dataset import Part
from nets_deap.individuals.genome import initGenome
from nets_deap.models.initialisers import initial_std
from nets_deap.models.registry import build
from nets_deap.networks.masked_mlp import MaskedMLP
from nets_deap.networks.masked_module import MaskedModule
from nets_deap.networks.scoring import evaluate
from nets_deap.networks.sparse_mlp import SparseMLP
from nets_deap.problem.optimizer import OPTIMIZERS
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.training.loop import assert_masked, train
from nets_deap.util.threads import one_thread

MLP = build("mlp-10", (2,), 2)
LENET = build("lenet-300-100", (4,), 3)
FAST = (MaskedMLP, SparseMLP)


def part(n: int, features: int = 4, classes: int = 3) -> Part:
    generator = torch.Generator().manual_seed(0)
    return Part(
        torch.randn(n, features, generator=generator), torch.randint(classes, (n,), generator=generator)
    )


def test_a_score_worked_by_hand() -> None:
    # Two inputs, no hidden layer to speak of: the network says σ(2 · σ(x₁)), always above one half.
    weights = np.zeros(30, dtype=np.float32)
    weights[0], weights[20] = 1, 2
    network = MaskedMLP(MLP, weights, np.ones(30, dtype=bool), Recipe())
    data = Part(torch.zeros(4, 2), torch.tensor([0, 1, 1, 1]))
    said = 1 / (1 + np.exp(-1.0))
    score = evaluate(network, data, 2)
    assert score.accuracy == 0.75
    assert score.class_losses == pytest.approx((said**2, (1 - said) ** 2), rel=1e-6)
    assert score.loss == pytest.approx((said**2 + 3 * (1 - said) ** 2) / 4, rel=1e-6)


@pytest.mark.parametrize("path", FAST)
def test_denormals_count_as_zero_in_training_and_not_after(path: type[MaskedMLP]) -> None:
    def denormals_live() -> bool:
        return float(torch.tensor(1e-39) / 2) > 0

    seen: list[bool] = []
    genome = initGenome(initial_std(LENET.layout, "normal"), 0.5, rng=np.random.default_rng(0))
    network = path(LENET, genome.weights, genome.mask, Recipe())
    train(network, part(60), Recipe(), np.random.default_rng(0), lambda *_: seen.append(denormals_live()))
    assert seen == [False]
    assert denormals_live()


def test_a_class_without_samples_has_no_loss() -> None:
    network = MaskedMLP(LENET, initial_std(LENET.layout), np.ones(LENET.layout.size, dtype=bool), Recipe())
    assert evaluate(network, Part(torch.zeros(2, 4), torch.tensor([0, 2])), 3).class_losses[1] == 0


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("fast", FAST)
def test_the_fast_and_the_plain_path_agree_over_an_epoch_in_float64(fast: type, optimizer: str) -> None:
    genome = initGenome(initial_std(LENET.layout, "kaiming"), 0.3, rng=np.random.default_rng(0))
    data = part(100).to("cpu", torch.float64)
    recipe = Recipe(optimizer, lr=0.01, batch_size=8)
    trained = []
    for kind in (fast, MaskedModule):
        network = kind(LENET, genome.weights, genome.mask, recipe, dtype=torch.float64)
        train(network, data, recipe, np.random.default_rng(3))
        trained.append(network.weights())
    np.testing.assert_allclose(*trained, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    "recipe",
    [Recipe("sgd", lr=0.1), Recipe("momentum", lr=0.01), Recipe("adam", lr=1.2e-3, iterations=100)],
    ids=lambda recipe: recipe.optimizer,
)
@pytest.mark.parametrize("fast", FAST)
def test_they_agree_in_float32_on_handwritten_digits(fast: type, recipe: Recipe) -> None:
    problem = Problem("digits", "lenet-300-100", recipe, init="glorot")
    genome = initGenome(problem.initial_std(), 0.2, rng=np.random.default_rng(0))
    data, trained, scores = problem.data, [], []
    for kind in (fast, MaskedModule):
        network = kind(problem.architecture, genome.weights, genome.mask, recipe)
        train(network, data.train, recipe, np.random.default_rng(3))
        trained.append(network.weights())
        scores.append(evaluate(network, data.validation, 10).loss)
    assert np.abs(trained[0] - genome.weights * genome.mask).max() > 0.01  # far more than the tolerance
    np.testing.assert_allclose(*trained, rtol=0, atol=1e-4)
    assert scores[0] == pytest.approx(scores[1], rel=1e-4)


def test_training_lowers_the_loss_and_keeps_the_mask() -> None:
    genome = initGenome(initial_std(LENET.layout, "kaiming"), 0.3)
    recipe = Recipe("adam", lr=0.01, batch_size=10, epochs=30)
    data = part(60)
    network = MaskedMLP(LENET, genome.weights, genome.mask, recipe)
    before = evaluate(network, data, 3).loss
    train(network, data, recipe, np.random.default_rng(0))
    assert evaluate(network, data, 3).loss < 0.7 * before
    assert_masked(LENET, network.weights(), genome.mask)


def test_reports_come_when_asked_and_at_the_end() -> None:
    recipe = Recipe(batch_size=10, epochs=2)
    network = MaskedMLP(LENET, initial_std(LENET.layout), np.ones(LENET.layout.size, dtype=bool), recipe)
    seen: list[tuple[int, float]] = []
    train(network, part(50), recipe, np.random.default_rng(0), lambda *row: seen.append(row), every=4)
    assert [step for step, _ in seen] == [4, 8, 10]
    assert all(0.5 < loss < 2 for _, loss in seen)


def test_a_weight_that_came_back_to_life_is_noticed() -> None:
    mask = np.array([True, False, False])
    assert_masked(MLP, np.array([1.0, 0.0, np.nan]), mask)
    with pytest.raises(AssertionError, match="1 pruned weights of mlp-10"):
        assert_masked(MLP, np.array([1.0, 0.5, 0.0]), mask)


def test_the_number_of_threads_is_put_back() -> None:
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
