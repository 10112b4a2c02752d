"""A ticket for every network that has a name, with values that leave no part of it without effect."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from nets_deap.data.preparation import AS_GIVEN, Preparation
from nets_deap.models.catalogue import MODELS
from nets_deap.models.node_space import weight_mask
from nets_deap.models.registry import build
from nets_deap.networks.backends import make_network
from nets_deap.problem.recipe import Recipe
from nets_deap.problem.ticket import Ticket
from nets_deap.util.threads import one_thread
from tests.architectures import PERCEPTRONS

TINY, SMALL, PICTURE = (1, 8, 8), (3, 16, 16), (3, 32, 32)
LARGE = ("resnet-18", "vgg-11", "vgg-16", "vgg-19", "torchvision:mobilenet_v3_small")  # take seconds
NAMED: dict[str, tuple[int, ...]] = {
    **{name: PICTURE if name.startswith("vgg") else SMALL for name in MODELS},
    "mlp-10": TINY,
    "mlp-100": TINY,
    "vit": TINY,
    "wrn-10-1": SMALL,
    "resnet-8": TINY,
    "gru-8": TINY,
    **{name: shape for name, (shape, _) in PERCEPTRONS.items()},
    "mlp:192-7-10": (3, 8, 8),
    "torchvision:squeezenet1_1": PICTURE,
    "torchvision:mobilenet_v3_small": PICTURE,
}
TOKENS = {"gru-16": (12,)}  # over token ids


class Case(NamedTuple):
    """x: raw samples; outputs: ours for them"""

    ticket: Ticket
    preparation: Preparation
    x: Tensor
    outputs: Tensor


def preparation_of(shape: tuple[int, ...]) -> Preparation:
    numbers = tuple(0.3 + 0.1 * i for i in range(shape[0]))
    return Preparation(16.0, numbers, numbers[::-1])


def case(name: str, seed: int = 0) -> Case:
    """Half of the hidden nodes are cut off, where there are any, and half of all other weights are pruned."""
    tokens = name in TOKENS
    shape = TOKENS[name] if tokens else NAMED[name]
    made = build(name, shape, 10, "int64" if tokens else "float32")
    rng = np.random.default_rng(seed)
    weights, extras = made.known().draw(rng)
    extras += 0.2 * rng.random(extras.size, dtype=np.float32)  # running variances stay positive
    mask = rng.random(made.layout.size) < 0.5
    if made.known().groups is not None:
        cut = np.arange(made.known().groups.nodes.size) % 2 == 0
        mask &= weight_mask(made, cut)
    generator = torch.Generator().manual_seed(seed)
    ticket = Ticket(weights, mask, made, {"dataset": "digits", "seed": seed}, extras=extras)
    if tokens:
        x = torch.randint(100, (4, *shape), generator=generator)
        return Case(ticket, AS_GIVEN, x, ours(ticket, x))
    preparation, x = preparation_of(shape), 16 * torch.rand(4, *shape, generator=generator)
    numbers = torch.tensor(preparation.mean).reshape(-1, *[1] * (len(shape) - 1))
    return Case(ticket, preparation, x, ours(ticket, (x / 16 - numbers) / numbers.flip(0)))


def ours(ticket: Ticket, x: Tensor) -> Tensor:
    """Our outputs for prepared samples."""
    with one_thread(), torch.no_grad():
        network = make_network(
            ticket.architecture, ticket.weights, ticket.mask, Recipe(), extras=ticket.extras
        )
        return network.forward(x)
