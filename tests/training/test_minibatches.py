from __future__ import annotations

import numpy as np
import pytest
import torch

from nets_deap.individuals.genome import initGenome
from nets_deap.models.initialisers import initial_std
from nets_deap.models.registry import build
from nets_deap.networks.gather import Gatherer
from nets_deap.networks.masked_mlp import MaskedMLP
from nets_deap.networks.masked_module import MaskedModule
from nets_deap.networks.stacked_mlp import StackedMLP
from nets_deap.networks.stacked_module import StackedModule
from nets_deap.problem.recipe import Recipe
from nets_deap.training.minibatches import augmented, minibatches


def batches(available: int, **recipe: float) -> list[np.ndarray | None]:
    return list(minibatches(available, Recipe(**recipe), np.random.default_rng(0)))


def test_an_epoch_sees_every_sample_once() -> None:
    drawn = batches(10, batch_size=4, epochs=2)
    assert [len(b) for b in drawn] == [4, 4, 2, 4, 4, 2]
    first, second = np.concatenate(drawn[:3]), np.concatenate(drawn[3:])
    assert sorted(first) == sorted(second) == list(range(10))
    assert first.tolist() != second.tolist()


def test_iterations_stop_in_mid_epoch() -> None:
    assert [len(b) for b in batches(10, batch_size=4, iterations=5)] == [4, 4, 2, 4, 4]


def test_a_share_of_the_data_stays_the_same_over_the_epochs_of_one_training() -> None:
    drawn = batches(100, batch_size=10, epochs=3, data_fraction=0.2)
    assert len(drawn) == 6
    assert len(set(np.concatenate(drawn).tolist())) == 20


def test_full_batches_need_no_indices() -> None:
    assert batches(10, batch_size=0, epochs=3) == [None] * 3


def test_a_minibatch_written_out() -> None:
    x, targets = torch.tensor([[1.0], [2.0], [3.0], [4.0]]), torch.tensor([[5.0], [6.0], [7.0], [8.0]])
    gather = Gatherer()
    samples, wanted = gather(x, targets, np.array([2, 0]))
    assert samples.tolist() == [[3], [1]]
    assert wanted.tolist() == [[7], [5]]
    gather(x, targets, np.array([3, 1]))
    assert samples.tolist() == [[4], [2]]  # the same memory
    assert gather(x, targets, None) == (x, targets)


@pytest.mark.parametrize("kind", [MaskedMLP, MaskedModule, StackedMLP, StackedModule])
@pytest.mark.parametrize("density", [0.02, 0.5])
def test_a_step_on_chosen_samples_is_one_on_those_alone(kind: type, density: float) -> None:
    architecture = build("lenet-300-100", (1, 4, 4), 10)
    genome = initGenome(initial_std(architecture.layout), density, rng=np.random.default_rng(0))
    weights, mask = genome.weights, genome.mask
    if kind in (StackedMLP, StackedModule):
        weights, mask = weights[None], mask[None]
    networks = [kind(architecture, weights, mask, Recipe(lr=0.1)) for _ in range(2)]
    x, targets = torch.randn(50, 1, 4, 4), architecture.targets(torch.arange(50) % 10, torch.float32)
    for chosen in (np.arange(7, 20), np.arange(49, 36, -1)):
        networks[0].step(x, targets, chosen)
        networks[1].step(x[chosen.copy()], targets[chosen.copy()])
        assert networks[0].outputs.equal(networks[1].outputs)
    assert (networks[0].weights() == networks[1].weights()).all()


def test_an_augmented_image_is_shifted_and_mirrored() -> None:
    x = torch.arange(1.0, 10.0).reshape(1, 1, 3, 3).repeat(200, 1, 1, 1)
    images = augmented(x, np.random.default_rng(0))
    assert images.shape == x.shape
    padded = torch.nn.functional.pad(x[:1], (4, 4, 4, 4))
    crops = [padded[0, :, i : i + 3, j : j + 3] for i in range(9) for j in range(9)]
    possible = {tuple(crop.flatten().tolist()) for crop in [*crops, *(crop.flip(2) for crop in crops)]}
    seen = {tuple(image.flatten().tolist()) for image in images}
    assert seen <= possible
    assert len(seen) > 0.5 * len(possible)
    assert images.equal(augmented(x, np.random.default_rng(0)))
