"""Which modules are taken for perceptrons, and that they compute the same as one."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import nets_deap as nd
from nets_deap.models.perceptron import Perceptron
from nets_deap.networks.backends import make_network
from nets_deap.networks.masked_mlp import MaskedMLP
from nets_deap.networks.sparse_mlp import SparseMLP
from nets_deap.problem.recipe import Recipe
from nets_deap.util.errors import NetsError
from tests.architectures import drawn_extras, of

IMAGE = (1, 4, 4)


class Written(nn.Module):
    """A perceptron as most people write it; `act` and `flat` say how."""

    def __init__(self, act=F.relu, flat=lambda x: x.view(x.size(0), -1), bias=True) -> None:
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(16, 8, bias), nn.Linear(8, 6, bias), nn.Linear(6, 3, bias)
        self.act, self.flat = act, flat

    def forward(self, x: Tensor) -> Tensor:
        return self.fc3(self.act(self.fc2(self.act(self.fc1(self.flat(x))))))


class Tanh(nn.Module):
    """No torch.nn.Tanh."""

    def forward(self, x: Tensor) -> Tensor:
        return x * 2


class Residual(Written):
    def forward(self, x: Tensor) -> Tensor:
        hidden = self.fc1(x.flatten(1))
        return self.fc3(self.fc2(hidden.relu()).relu() + hidden[:, :6])


class Twice(Written):
    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.fc1(x.flatten(1)).relu())


class NoisyInTraining(Written):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x * 2 if self.training else x)


class Backwards(Written):
    def __init__(self) -> None:
        super().__init__()
        self.fc0 = nn.Linear(16, 16)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.fc0(x.flatten(1)).relu())


def frozen() -> nn.Module:
    module = Written()
    module.fc2.bias.requires_grad_(False)
    return module


def hooked() -> nn.Module:
    module = Written()
    module.fc2.register_forward_hook(lambda module, given, out: out * 2)
    return module


def tied() -> nn.Module:
    layer = nn.Linear(16, 16)
    return nn.Sequential(nn.Flatten(), layer, nn.ReLU(), layer, nn.ReLU(), nn.Linear(16, 3))


class WithoutGradients(Written):
    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            hidden = self.fc1(x.flatten(1)).relu()
        return self.fc3(self.fc2(hidden).relu())


class Rounded(Written):
    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return super().forward(x).float()


class FrozenInTraining(Written):
    def train(self, mode: bool = True) -> nn.Module:
        self.fc1.requires_grad_(not mode)
        return super().train(mode)


class Called(Written):
    def __call__(self, x: Tensor) -> Tensor:
        return super().__call__(2 * x)


class ByChance(Written):
    """Stochastic depth."""

    def __init__(self) -> None:
        super().__init__()
        self.fc2 = nn.Linear(8, 8)
        self.fc3 = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc1(x.flatten(1)).relu()
        if not self.training or torch.rand(()) < 0.9:
            x = self.fc2(x).relu()
        return self.fc3(x)


def with_another_forward() -> nn.Module:
    module = sequence(nn.ReLU())
    module[2].forward = lambda x: x * 2
    return module


def backward_hooked() -> nn.Module:
    module = sequence(nn.ReLU())
    module[1].register_full_backward_hook(lambda module, into, out: tuple(2 * each for each in into))
    return module


def sequence(*between: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 8), *between, nn.Linear(8, 3))


WIDTHS = (16, 8, 6, 3)
PERCEPTRONS = {
    "relu": (Written, Perceptron(WIDTHS, "relu", biases=True)),
    "no biases": (lambda: Written(bias=False), Perceptron(WIDTHS, "relu")),
    "torch.tanh": (lambda: Written(torch.tanh), Perceptron(WIDTHS, "tanh", biases=True)),
    "method": (lambda: Written(lambda x: x.sigmoid()), Perceptron(WIDTHS, "sigmoid", biases=True)),
    "in place": (lambda: Written(nn.ReLU(inplace=True)), Perceptron(WIDTHS, "relu", biases=True)),
    "view": (lambda: Written(flat=lambda x: x.view(-1, 16)), Perceptron(WIDTHS, "relu", biases=True)),
    "shape": (
        lambda: Written(flat=lambda x: x.reshape(x.shape[0], -1)), Perceptron(WIDTHS, "relu", biases=True)
    ),
    "flatten": (lambda: Written(flat=lambda x: torch.flatten(x, 1)), Perceptron(WIDTHS, "relu", biases=True)),
    "sequence": (lambda: sequence(nn.Tanh()), Perceptron((16, 8, 3), "tanh", biases=True)),
    "identity": (lambda: sequence(nn.Identity(), nn.ReLU()), Perceptron((16, 8, 3), "relu", biases=True)),
    "nested": (
        lambda: nn.Sequential(sequence(nn.Sigmoid()), nn.Sigmoid()),
        Perceptron((16, 8, 3), "sigmoid", at_outputs=True, biases=True),
    ),
    "linear": (
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(16, 3)), Perceptron((16, 3), "relu", biases=True)
    ),
}  # fmt: skip
OTHERS = {
    "dropout": lambda: sequence(nn.ReLU(), nn.Dropout(0.1)),
    "normalised": lambda: sequence(nn.LayerNorm(8), nn.ReLU()),
    "another tanh": lambda: sequence(Tanh()),
    "no activation": sequence,
    "two activations": lambda: sequence(nn.ReLU(), nn.Tanh()),
    "mixed": lambda: nn.Sequential(sequence(nn.ReLU()), nn.Tanh(), nn.Linear(3, 3)),
    "one bias": lambda: sequence(nn.ReLU(), nn.Linear(8, 8, bias=False), nn.ReLU()),
    "leaky": lambda: Written(F.leaky_relu),
    "columns first": lambda: Written(flat=lambda x: x.transpose(2, 3).flatten(1)),
    "residual": Residual,
    "a layer aside": Twice,
    "not the same in training": NoisyInTraining,
    "layers in another order": Backwards,
    "frozen": frozen,
    "hooked": hooked,
    "tied": tied,
    "without gradients": WithoutGradients,
    "rounded": Rounded,
    "frozen in training": FrozenInTraining,
    "called in its own way": Called,
    "by chance": ByChance,
    "another forward": with_another_forward,
    "backward hooked": backward_hooked,
}


@pytest.mark.parametrize("name", PERCEPTRONS)
def test_perceptrons_however_they_are_written(name: str) -> None:
    make, expected = PERCEPTRONS[name]
    architecture = of(make, IMAGE, 3)
    assert architecture.perceptron == expected
    rng = np.random.default_rng(0)
    n = architecture.layout.size
    weights, mask = rng.normal(0, 0.5, n).astype(np.float32), rng.random(n) < 0.3
    extras = drawn_extras(architecture)
    network = make_network(architecture, weights, mask, Recipe("sgd", lr=0.1), extras=extras)
    assert isinstance(network, SparseMLP | MaskedMLP)
    module = make()
    state = architecture.named(torch.from_numpy(weights * mask), torch.from_numpy(extras))
    module.load_state_dict(state)
    x = torch.randn(9, *IMAGE, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(network.forward(x), module(x).detach(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_perceptron(name: str) -> None:
    before = torch.get_rng_state()
    assert of(OTHERS[name], IMAGE, 3).perceptron is None
    assert torch.get_rng_state().equal(before)


def test_a_linear_layer_over_steps_is_no_perceptron() -> None:
    assert (
        of(lambda: nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)), (6, 4), 3).perceptron is None
    )


def test_a_network_that_cannot_be_copied_is_told() -> None:
    class Locked(Written):
        def __init__(self) -> None:
            super().__init__()
            self.lock = threading.Lock()

    with pytest.raises(NetsError, match="cannot be copied, as each genome's network is"):
        of(Locked, IMAGE, 3)


@pytest.mark.parametrize("map", ["serial", "batched"])
def test_targets_of_several_dimensions(map: str) -> None:
    rng = np.random.default_rng(0)
    data = rng.normal(size=(60, 16)).astype(np.float32), rng.normal(size=(60, 2, 3)).astype(np.float32)

    def make() -> nn.Module:
        return nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 6))

    recipe = {"iterations": 3}
    found = nd.find_ticket(make, data, 0.05, "nets:pop=2,gens=1", map=map, recipe=recipe, show=False)
    run = nd.train_ticket(found, make, data, recipe=recipe)
    assert np.isfinite(run.test.loss)
