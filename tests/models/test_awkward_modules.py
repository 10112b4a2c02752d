"""Modules that do something unusual: they work as in plain PyTorch, or are refused in one line."""

from __future__ import annotations

import copy
import random
import sys

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import nets_deap as nd
from nets_deap.models.node_space import narrow_to_mask
from nets_deap.models.registry import Model, build
from nets_deap.networks.masked_module import MaskedModule
from nets_deap.problem.recipe import Recipe
from nets_deap.util.errors import NetsError

rng = np.random.default_rng(0)
IMAGES = rng.standard_normal((60, 3, 8, 8), dtype=np.float32)
X = rng.standard_normal((60, 8), dtype=np.float32)
Y = np.arange(60) % 3
OPTIONS = {"recipe": {"batch_size": 20, "epochs": 1}, "show": False}


def find(model, x=X, y=Y, method: str = "snip", **options):
    return nd.find_ticket(model, (x, y), 0.3, method, **OPTIONS | options)


class Views(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.out = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4 * 64, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.convolution(x).view(len(x), -1))


def test_a_network_that_views_its_activations_trains() -> None:
    ticket = find(Views, IMAGES, method="imp:cycles=1")
    assert nd.train_ticket(ticket, Views, (IMAGES, Y), recipe=OPTIONS["recipe"]).rows


def test_an_instances_frozen_layers_keep_their_weights() -> None:
    body = nn.Linear(8, 16).requires_grad_(False)
    model = nn.Sequential(body, nn.ReLU(), nn.Linear(16, 3))
    ticket = find(model)
    assert ticket.architecture.parameters == ("2.weight",)
    applied = nd.keep_sparse(ticket.apply_to(copy.deepcopy(model)), ticket)
    assert torch.equal(applied[0].weight, body.weight)


class Standardised(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight - self.weight.mean(dim=(1, 2, 3), keepdim=True)
        return nn.functional.conv2d(x, weight, self.bias, padding=1)


class Scaled(nn.ReLU):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) / (1 + x.norm(dim=1, keepdim=True))


class Hooked(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Linear(8, 20, bias=False), nn.ReLU(), nn.Linear(20, 3, bias=False))
        self[0].register_forward_hook(lambda module, given, out: out - out.mean(dim=1, keepdim=True))


class Centred(nn.Module):
    """Does something else in training."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(8, 20), nn.Linear(20, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.a(x).relu()
        return self.b(h - h.mean(dim=1, keepdim=True) if self.training else h)


class TiedBias(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(8, 20), nn.Linear(20, 20), nn.Linear(20, 3)
        self.b.bias = self.a.bias

    def forward(self, x: Tensor) -> Tensor:
        return self.c(self.b(self.a(x).relu()).relu())


class FlattensTheSamples(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv1d(2, 6, 1), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.a(x.reshape(-1, 2, 4)).flatten(end_dim=1)
        return self.b(h).reshape(len(x), 6, 3).mean(dim=1)


S = nn.Sequential
AWKWARD = {
    "a convolution of another kind": (
        lambda: S(Standardised(3, 12, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12 * 64, 3)),
        IMAGES,
    ),
    "an activation of another kind": (lambda: S(nn.Linear(8, 20), Scaled(), nn.Linear(20, 3)), X),
    "pooling over units": (lambda: S(nn.Linear(8, 20), nn.AvgPool1d(3, 1, 1), nn.Linear(20, 3)), X),
    "maxout": (lambda: S(nn.Linear(8, 40), nn.MaxPool1d(2), nn.Linear(20, 3)), X),
    "a hook": (Hooked, X),
    "something else in training": (Centred, X),
    "a tied bias": (TiedBias, X),
    "samples flattened": (FlattensTheSamples, X),
}


@pytest.mark.parametrize("name", AWKWARD)
def test_training_is_torchs_even_where_a_mask_cuts_units_off(name: str) -> None:
    make, x = AWKWARD[name]
    made = build(Model("tests:awkward", make), x.shape[1:], 3)
    weights, extras = made.known().draw(np.random.default_rng(0))
    mask = np.random.default_rng(1).random(weights.size) < 0.05
    network = MaskedModule(made, weights, mask, Recipe(lr=0.1), dtype=torch.float64, extras=extras)
    plain = make().double()
    with torch.no_grad():
        for key, part in made.named(np.where(mask, weights, 0), extras).items():
            dict(plain.named_parameters())[key].copy_(torch.from_numpy(part))
    samples, y = torch.from_numpy(x).double(), torch.from_numpy(Y)
    torch.testing.assert_close(network.forward(samples), plain.eval()(samples))
    nn.functional.cross_entropy(plain.train()(samples), y).backward()
    network.step(samples, made.targets(y, torch.float64))
    gradients = [dict(plain.named_parameters())[key].grad.numpy().ravel() for key in made.parameters]
    moved = (np.where(mask, weights, 0) - network.weights()) / 0.1
    assert moved == pytest.approx(np.concatenate(gradients) * mask, abs=1e-6)
    assert narrow_to_mask(made, mask) is None


class Chance(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        skip = self.training and random.random() < 0.5
        return self.b(x if skip else self.a(x).relu())


def test_pythons_own_chance_follows_the_seed_and_stays() -> None:
    state = random.getstate()
    ticket = find(Chance)
    runs = [nd.train_ticket(ticket, Chance, (X, Y), recipe={"batch_size": 5, "epochs": 2}) for _ in range(2)]
    assert (runs[0].weights == runs[1].weights).all()
    assert random.getstate() == state


class Replaces(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 3)
        self.register_buffer("mean", torch.zeros(3))

    def forward(self, x: Tensor) -> Tensor:
        out = self.layer(x) - self.mean
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * out.detach().mean(0) + 1
        return out


class TwoInTraining(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> object:
        return (self.layer(x), x) if self.training else self.layer(x)


def of_any_shape() -> nn.Module:
    return nn.Sequential(nn.Linear(8, int(torch.randint(5, 50, ()))), nn.ReLU(), nn.LazyLinear(3))


def of_several_shapes() -> nn.Module:
    width = int(torch.randint(5, 50, ()))
    return nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, 3))


REFUSED = {
    "replaces a buffer": (Replaces, "training replaces or counts in its buffer mean"),
    "two outputs in training": (TwoInTraining, "in training, puts out tuple, expected one tensor"),
    "several shapes": (of_several_shapes, "makes networks of several shapes: 0.weight differs"),
    "leaves": (lambda: sys.exit(0), "raised SystemExit"),
    "nothing at all": (lambda: nn.Linear(8, 0), "has no prunable weight"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_work_is_refused_in_one_line(name: str) -> None:
    make, says = REFUSED[name]
    with pytest.raises(NetsError, match=says):
        find(make)


def test_whole_numbers_are_numbers_for_a_loss_of_numbers() -> None:
    y = rng.integers(0, 5, 60) * 10 + 5
    problem = nd.problem_of(lambda: nn.Linear(8, 1), (X, y), loss="mse")
    assert set(problem.data.train.y.tolist()) <= {5.0, 15.0, 25.0, 35.0, 45.0}
    assert str(problem.architecture.criterion.metric) == "r2"


def test_no_and_yes_as_floats_are_two_cases() -> None:
    y = (np.arange(60) % 10 == 0).astype(np.float32)
    problem = nd.problem_of(lambda: nn.Linear(8, 1), (X, y), loss="binary", metric="balanced-accuracy")
    assert problem.data.cases == 2
    right = torch.where(problem.data.test.y > 0.5, 0.0, 1.0).double()  # it always says no
    assert problem.architecture.criterion.metric.of_right(right, problem.data.test.of_case) == 0.5


def test_a_ticket_remembers_the_loss_with_its_arguments() -> None:
    told = find(nn.Linear(8, 3), loss="cross-entropy:weights=1/2/3").config
    assert told["loss"] == "cross-entropy:weights=1/2/3"
    loss = nd.Loss("huber", delta=0.5)
    assert find(nn.Linear(8, 1), y=X[:, 0], loss=loss).config["loss"] == "huber:delta=0.5"
