"""Optimisers, clipping and schedules, against torch's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from nets_deap.networks.masked_mlp import MaskedMLP
from nets_deap.networks.masked_module import MaskedModule
from nets_deap.networks.optimizer import Descent
from nets_deap.networks.sparse_mlp import SparseMLP
from nets_deap.networks.stacked_mlp import StackedMLP
from nets_deap.networks.stacked_module import StackedModule
from nets_deap.problem.optimizer import OPTIMIZERS, REFUSED, _kinds, parsed
from nets_deap.problem.recipe import Recipe
from nets_deap.util.errors import NetsError
from tests.architectures import convnet, mlp

# text: the class and the arguments that plain PyTorch gets
DESCENTS: dict[str, tuple[str, dict[str, Any]]] = OPTIMIZERS | {
    "sgd:weight_decay=0.01": ("SGD", {"weight_decay": 0.01}),
    "sgd:momentum=0.9,nesterov=yes,weight_decay=5e-3": (
        "SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 5e-3},
    ),
    "sgd:momentum=0.9,dampening=0.5": ("SGD", {"momentum": 0.9, "dampening": 0.5}),
    "momentum:momentum=0.8": ("SGD", {"momentum": 0.8}),
    "adam:betas=0.8/0.99,eps=1e-6,weight_decay=0.01": (
        "Adam", {"betas": (0.8, 0.99), "eps": 1e-6, "weight_decay": 0.01},
    ),
    "adam:amsgrad=yes": ("Adam", {"amsgrad": True}),
    "adamw": ("AdamW", {}),
    "AdamW:weight_decay=0.1": ("AdamW", {"weight_decay": 0.1}),
    "rmsprop:momentum=0.5,centered=yes": ("RMSprop", {"momentum": 0.5, "centered": True}),
    **{name: (kind, {}) for name, kind in _kinds().items() if kind not in {*REFUSED, "Muon", "SGD", "Adam"}},
}  # fmt: skip
LENET = mlp((8,), (6, 5), 3, "relu", "cross-entropy")
CONV = convnet((1, 8, 8), [3, "M"], [5, 3])


def drawn(architecture: Any, density: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    n = architecture.layout.size
    return rng.normal(0, 0.5, n).astype(np.float32), rng.random(n) < density


def batches(architecture: Any, count: int = 6) -> list[tuple[torch.Tensor, torch.Tensor]]:
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(count, 7, *architecture.input_shape, generator=rng, dtype=torch.float64)
    targets = torch.eye(3, dtype=torch.float64)[torch.arange(7) % 3]
    return [(one, targets) for one in x]


def by_hand(architecture: Any, text: str, clip: float, lr: float) -> np.ndarray:
    """The weights after a loop that a user would write in plain PyTorch, with masked gradients."""
    weights, mask = drawn(architecture)
    module = architecture.module().to(torch.float64)
    extras = torch.from_numpy(architecture.initial_extras)
    state = architecture.named(torch.from_numpy(np.where(mask, weights, 0)), extras)
    module.load_state_dict({name: value.double() for name, value in state.items()})
    masks = architecture.named(torch.from_numpy(mask), torch.ones(len(extras), dtype=torch.bool))
    kind, arguments = DESCENTS[text]
    optimizer = getattr(torch.optim, kind)(module.parameters(), lr=lr, **arguments)
    for x, targets in batches(architecture):
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(x), targets).backward()
        for name, parameter in module.named_parameters():
            parameter.grad.mul_(masks[name])
        if clip:
            nn.utils.clip_grad_norm_(module.parameters(), clip)
        optimizer.step()
        for name, parameter in module.named_parameters():
            assert (parameter[~masks[name]] == 0).all(), "the optimiser has moved a pruned weight"
    trained = module.state_dict()
    return np.concatenate([trained[f"{name}.weight"].numpy().ravel() for name in architecture.layout.names])


@pytest.mark.parametrize("clip", [0.0, 0.2])
@pytest.mark.parametrize("text", DESCENTS)
@pytest.mark.parametrize("back_end", [SparseMLP, MaskedMLP, MaskedModule, "conv", StackedMLP, StackedModule])
def test_every_back_end_descends_as_plain_pytorch_does(back_end: Any, text: str, clip: float) -> None:
    architecture = CONV if back_end == "conv" else LENET
    weights, mask = drawn(architecture)
    recipe = Recipe(text, lr=0.01, clip=clip)
    stacked = back_end in (StackedMLP, StackedModule)
    if not parsed(text).elementwise and (stacked or back_end is SparseMLP):
        pytest.skip("goes by matrices")
    if stacked:  # beside another network, which takes no part in the norm of its gradient
        pair = np.stack([weights, -weights]), np.stack([mask, ~mask])
        network = back_end(architecture, *pair, recipe, dtype=torch.float64)
    elif back_end is SparseMLP:
        network = SparseMLP(architecture, weights, mask, recipe, torch.float64)
    else:
        kind = MaskedModule if back_end == "conv" else back_end
        network = kind(architecture, weights, mask, recipe, dtype=torch.float64)
    for x, targets in batches(architecture):
        network.step(x, targets)
    ours = network.weights()[0] if stacked else network.weights()
    np.testing.assert_allclose(ours, by_hand(architecture, text, clip, 0.01), rtol=1e-6, atol=1e-9)


def test_no_optimiser_revives_what_is_pruned() -> None:
    """Each of torch's, with weight decay where it has it: Muon's steps are dense, whatever the gradient."""
    for kind in (MaskedMLP, MaskedModule):
        weights, mask = drawn(LENET)
        for name in _kinds().keys() - {one.lower() for one in REFUSED}:
            for text in (name, f"{name}:weight_decay=0.1"):
                if "decay" in text and name == "rprop":
                    continue
                network = kind(LENET, weights, mask, Recipe(text, lr=0.01, batch_size=8))
                for x, targets in batches(LENET):
                    network.step(x.float(), targets.float())
                assert not network.weights()[~mask].any(), (kind.__name__, text)
                assert (network.weights()[mask] != weights[mask]).mean() > 0.8, (kind.__name__, text)


def test_muon_on_a_perceptron() -> None:
    if "muon" not in _kinds():
        pytest.skip("this torch has no Muon")
    architecture = LENET
    weights, mask = drawn(architecture)
    network = MaskedMLP(architecture, weights, mask, Recipe("muon", lr=0.01), dtype=torch.float64)
    for x, targets in batches(architecture):
        network.step(x, targets)
    assert (network.weights()[mask] != weights[mask]).all()


@pytest.mark.parametrize(
    ("text", "told"),
    {
        "sdg": "did you mean 'sgd'",
        "lbfgs": "it computes the loss several times a step",
        "sgd:nesterov=yes": "torch refuses this: Nesterov momentum requires a momentum and zero dampening",
        "sgd:momentum=-1": "torch refuses this: Invalid momentum value: -1",
        "adam:beta=0.9": "torch refuses this",
        "adam:betas=2/3": "torch refuses this: Invalid beta parameter at index 0: 2",
        "sgd:lr=0.1": "the learning rate is `lr`, an option of its own",
        "sgd:momentum": "'momentum' is not of the form KEY=VALUE",
        "": "unknown optimizer",
    }.items(),
)
def test_bad_optimisers_are_told_in_one_line(text: str, told: str) -> None:
    with pytest.raises(NetsError, match=None) as refused:
        parsed(text)
    assert told in str(refused.value)


def test_clipping_of_four_numbers() -> None:
    flat = torch.zeros(4)
    descent = Descent(Recipe("sgd", lr=1.0, clip=1.0), flat)
    assert descent.gradient is not None
    descent.gradient.copy_(torch.tensor([3.0, 0.0, 4.0, 0.0]))  # of norm 5
    descent.step()
    torch.testing.assert_close(flat, -torch.tensor([0.6, 0.0, 0.8, 0.0]))
    descent.gradient.copy_(torch.tensor([0.3, 0.0, 0.4, 0.0]))  # short enough
    descent.step()
    torch.testing.assert_close(flat, -torch.tensor([0.9, 0.0, 1.2, 0.0]))
