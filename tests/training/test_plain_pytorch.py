"""`train` gives the weights of a loop that a user would write in plain PyTorch, whatever the recipe."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from nets_deap.networks.backends import make_network, make_stack
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.training.loop import train
from nets_deap.training.minibatches import minibatches

RECIPES = {
    "SGD with all": Recipe(
        "sgd:momentum=0.9,nesterov=yes,weight_decay=5e-4",
        0.05,
        20,
        epochs=3,
        schedule="cosine:warmup=1",
        clip=0.5,
    ),
    "AdamW": Recipe("adamw:weight_decay=0.05", 0.01, 20, epochs=2, schedule="multistep:at=0.5"),
    "plain": Recipe("sgd", 0.1, 20, epochs=2, schedule="linear", label_smoothing=0.1),
}


def factor(name: str, step: int, steps: int, per_epoch: int) -> float:
    """The learning rate's factor, written out for the recipes above."""
    if name == "AdamW":
        return 0.1 if step >= steps / 2 else 1.0
    if name == "plain":
        return 1 - step / steps
    if step < per_epoch:
        return (step + 1) / per_epoch
    return (1 + math.cos(math.pi * (step - per_epoch) / (steps - per_epoch))) / 2


@pytest.mark.parametrize("back_end", ["chosen", "stack"])
@pytest.mark.parametrize("arch", ["lenet-300-100", "cnn-8-16"])
@pytest.mark.parametrize("name", RECIPES)
def test_the_same_weights_as_plain_pytorch(name: str, arch: str, back_end: str) -> None:
    recipe = RECIPES[name]
    problem = Problem("digits", arch, recipe, data_limit=130)
    data, architecture = problem.data.to("cpu", torch.float64), problem.architecture
    rng = np.random.default_rng(0)
    weights = rng.normal(0, 0.1, architecture.layout.size).astype(np.float32)
    mask = rng.random(weights.size) < 0.1
    if back_end == "chosen":
        network: Any = make_network(architecture, weights, mask, recipe, dtype=torch.float64)
    else:
        network = make_stack(architecture, [weights], [mask], recipe, dtype=torch.float64)
    train(network, data.train, recipe, np.random.default_rng(7))

    module = architecture.module().to(torch.float64)
    extras = torch.from_numpy(architecture.initial_extras)
    state = architecture.named(torch.from_numpy(np.where(mask, weights, 0)), extras)
    module.load_state_dict({key: value.double() for key, value in state.items()})
    masks = architecture.named(torch.from_numpy(mask), torch.ones(len(extras), dtype=torch.bool))
    kind, arguments = {
        "SGD with all": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 5e-4}),
        "AdamW": (torch.optim.AdamW, {"weight_decay": 0.05}),
        "plain": (torch.optim.SGD, {}),
    }[name]
    optimizer = kind(module.parameters(), lr=recipe.lr, **arguments)
    available = len(data.train.y)
    steps, per_epoch = recipe.steps(available), recipe.steps_per_epoch(available)
    for step, chosen in enumerate(minibatches(available, recipe, np.random.default_rng(7))):
        assert chosen is not None
        optimizer.param_groups[0]["lr"] = recipe.lr * factor(name, step, steps, per_epoch)
        optimizer.zero_grad()
        nn.functional.cross_entropy(
            module(data.train.x[chosen]), data.train.y[chosen], label_smoothing=recipe.label_smoothing
        ).backward()
        for key, parameter in module.named_parameters():
            parameter.grad.mul_(masks[key])
        if recipe.clip:
            nn.utils.clip_grad_norm_(module.parameters(), recipe.clip)
        optimizer.step()
    trained = module.state_dict()
    expected = np.concatenate([trained[f"{key}.weight"].numpy().ravel() for key in architecture.layout.names])
    np.testing.assert_allclose(network.weights().ravel(), expected, rtol=1e-6, atol=1e-9)
    assert (network.weights().ravel()[~mask] == 0).all()
