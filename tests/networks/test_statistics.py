from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from nets_deap.evolution.brief_training import passes_to_judge, train_briefly
from nets_deap.evolution.evaluator import Evaluator
from nets_deap.experiments.connectivity import line
from nets_deap.models.architecture import Architecture
from nets_deap.networks.backends import make_network
from nets_deap.networks.scoring import evaluate
from nets_deap.networks.statistics import passes_after_training, recompute
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.problem.ticket import Ticket
from nets_deap.training.final import train_ticket
from tests.architectures import of
from tests.evolution.test_fitness import fresh


def test_statistics_are_those_of_the_training_samples() -> None:
    architecture = of(lambda: nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 2)), (2,), 2)
    weights = np.array([2, 0, 0, 3, 1, 0, 0, 1], dtype=np.float32)
    network = make_network(architecture, weights, weights != 0, Recipe())
    x = torch.tensor([[1.0, 0.0], [3.0, 0.0], [1.0, 2.0], [3.0, 2.0]])
    recompute(network, x, 0)
    now = architecture.named(network.weights(), network.extras())
    # The layer's outputs are 2 and 6, and 0 and 6, twice each.
    np.testing.assert_allclose(now["1.running_mean"], [4, 3])
    np.testing.assert_allclose(now["1.running_var"], [16 / 3, 12])  # of a sample, as torch has it
    np.testing.assert_allclose(now["1.weight"], [1, 1])
    recompute(network, x[:2], 2)
    now = architecture.named(network.weights(), network.extras())
    np.testing.assert_allclose(now["1.running_mean"], [4, 0])


def test_statistics_on_a_line_do_not_depend_on_those_at_its_ends() -> None:
    problem = Problem("digits", "wrn-10-1", Recipe("adam", 0.01, 60), data_limit=120)
    architecture = problem.architecture
    weights = np.random.default_rng(0).normal(0, 0.1, architecture.layout.size).astype(np.float32)
    extras = architecture.initial_extras
    named = architecture.named(weights, (stale := extras.copy()))
    for name in named:
        if "running" in name:
            named[name] += 5
    assert (stale != extras).any()
    for ends in ((extras, stale), (stale, extras)):
        rows = line(problem, *((weights, each) for each in ends), points=3)
        assert len({row["test_loss"] for row in rows}) == 1
    scaled = line(problem, (weights, extras), (2 * weights, extras), 3)
    assert len({row["test_loss"] for row in scaled}) == 3


@pytest.fixture(params=[0, 3])
def brief(request: pytest.FixtureRequest) -> Problem:
    """One whose trainings have so many steps, too few for running statistics."""
    recipe = Recipe("sgd:momentum=0.9", 0.1, 20, iterations=request.param)
    return Problem("digits", "wrn-10-1", recipe, init="kaiming", data_limit=120)


def shifted(architecture: Architecture) -> np.ndarray:
    """Initial extras, but with other running statistics."""
    extras = architecture.initial_extras.copy()
    named = architecture.named(np.zeros(architecture.layout.size), extras)
    for name in named:
        if "running" in name:
            named[name] += 5
    return extras


def test_a_fitness_does_not_depend_on_where_the_statistics_began(
    brief: Problem,
) -> None:
    genome = fresh(brief)
    found = [
        Evaluator(brief, extras=extras).evaluate(genome).val_loss
        for extras in (brief.architecture.initial_extras, shifted(brief.architecture))
    ]
    assert found[0] == found[1]
    network, data = train_briefly(brief, genome, 0, 0, torch.float32)
    recompute(network, data.train.x, 20)  # of all samples, which are less than 1,024
    assert evaluate(network, data.validation, data.cases).loss == found[0]


def test_an_untrained_ticket_is_judged_with_statistics_of_the_data(brief: Problem) -> None:
    untrained = replace(brief, recipe=replace(brief.recipe, iterations=0))
    genome = fresh(brief)
    tickets = [
        Ticket(genome.weights, genome.mask, brief.architecture, extras=extras)
        for extras in (brief.architecture.initial_extras, shifted(brief.architecture))
    ]
    one, other = (train_ticket(ticket, untrained, 0) for ticket in tickets)
    assert one.test == other.test
    assert one.early_stop["val_loss"] == Evaluator(untrained).evaluate(genome).val_loss


def test_what_an_evaluation_passes_forward_is_counted(brief: Problem) -> None:
    training, validation = len(brief.data.train.y), len(brief.data.validation.y)
    assert passes_to_judge(brief) == training // 20 * 20 + validation
    assert passes_to_judge(replace(brief, arch="cnn-8-16")) == validation
    assert passes_after_training(brief.architecture, 45_000, 128) == 1024
    assert passes_after_training(brief.architecture, 45_000, 100) == 1000


class Kept(nn.Module):
    """One normalisation keeps its statistics in training; a mean of the network's own does not."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.kept, self.norm = nn.Linear(2, 2), nn.BatchNorm1d(2), nn.BatchNorm1d(2)
        self.last = nn.Linear(2, 2)
        self.register_buffer("mean", torch.zeros(2))

    def train(self, mode: bool = True) -> nn.Module:
        super().train(mode)
        self.kept.eval()
        return self

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        if self.training:
            self.mean.mul_(0.9).add_(x.detach().mean(0), alpha=0.1)
        return self.last(self.norm(self.kept(x)))


def test_what_training_leaves_alone_stays() -> None:
    architecture = of(Kept, (2,), 2)
    weights = np.arange(1, 9, dtype=np.float32)
    extras = architecture.initial_extras
    named = architecture.named(weights, extras)
    named["kept.running_mean"] += 2
    named["kept.running_var"] += 8
    network = make_network(architecture, weights, weights != 0, Recipe(), extras=extras)
    recompute(network, torch.randn(20, 2, generator=torch.Generator().manual_seed(0)), 5)
    now = architecture.named(weights, network.extras())
    np.testing.assert_array_equal(now["kept.running_mean"], [2, 2])
    np.testing.assert_array_equal(now["kept.running_var"], [9, 9])
    np.testing.assert_array_equal(now["mean"], [0, 0])
    assert (now["norm.running_mean"] != 0).all()


@pytest.mark.parametrize("arch", ["lenet-300-100", "cnn-8-16"])
def test_networks_without_them_stay_as_they_are(arch: str) -> None:
    problem = replace(Problem("digits", "cnn-8-16", data_limit=120), arch=arch)
    architecture = problem.architecture
    weights = np.random.default_rng(0).normal(0, 0.1, architecture.layout.size).astype(np.float32)
    network = make_network(architecture, weights, weights != 0, problem.recipe)
    before = network.forward(problem.data.train.x)
    recompute(network, problem.data.train.x, 10)
    assert network.forward(problem.data.train.x).equal(before)
