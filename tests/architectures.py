"""Small networks that the tests share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np

from nets_deap.models.architecture import Architecture
from nets_deap.models.criterion import Criterion
from nets_deap.models.losses import Loss
from nets_deap.models.registry import Model, build
from nets_deap.models.zoo.convolutional import convolutional
from nets_deap.models.zoo.perceptrons import perceptron


def of(make, input_shape: tuple[int, ...], outputs: int, loss: str = "cross-entropy") -> Architecture:
    """The architecture of what a factory makes."""
    made = build(Model("tests:tiny", make), input_shape, outputs)
    return replace(made, criterion=Criterion(Loss(loss)))


def mlp(
    input_shape: tuple[int, ...],
    hidden: Sequence[int],
    outputs: int,
    activation: str = "relu",
    loss: str = "cross-entropy",
    bias: bool = False,
) -> Architecture:
    """A perceptron; with sigmoids, its outputs have one, too."""
    widths = [prod(input_shape), *hidden, outputs]
    last = activation == "sigmoid"
    return of(lambda: perceptron(widths, activation, bias, activate_last=last), input_shape, outputs, loss)


def drawn_extras(architecture: Architecture, seed: int = 7) -> np.ndarray:
    """float32[m]: extras that are not all alike, unlike the initial ones."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, 0.3, sum(extra.size for extra in architecture.extras)).astype(np.float32)


# Perceptrons of each kind, on images of 8 × 8 with ten classes
PERCEPTRONS = {
    f"mlp:64-12-9-10{more}": ((1, 8, 8), 10)
    for more in (
        "",
        ",bias=yes",
        ",activation=tanh",
        ",activation=sigmoid,bias=yes",
        ",activation=tanh,bias=yes",
    )
}


def convnet(
    input_shape: tuple[int, ...], plan: Sequence[int | str], dense: Sequence[int], kernel: int = 3
) -> Architecture:
    """Convolutions and dense layers; see `zoo.convolutional`."""
    return of(lambda: convolutional(input_shape, plan, dense, kernel), input_shape, dense[-1])
