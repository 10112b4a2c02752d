"""Multilayer perceptrons. They flatten their inputs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise
from math import prod

from torch import nn

ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}


def perceptron(
    widths: Sequence[int], activation: str = "relu", bias: bool = False, activate_last: bool = False
) -> nn.Module:
    """Linear layers fc1, fc2, … of these widths, inputs and outputs included."""
    layers: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
    for i, (in_, out) in enumerate(pairwise(widths), start=1):
        layers[f"fc{i}"] = nn.Linear(in_, out, bias)
        if i < len(widths) - 1 or activate_last:
            layers[f"{activation}{i}"] = ACTIVATIONS[activation]()
    return nn.Sequential(layers)


def lenet_300_100(input_shape: tuple[int, ...], outputs: int) -> nn.Module:
    """LeCun et al. 1998 as in the NeTS paper: 784-300-100-10, ReLU; other inputs work too."""
    return perceptron([prod(input_shape), 300, 100, outputs])


def paper(hidden: int, input_shape: tuple[int, ...], outputs: int) -> nn.Module:
    """NeTS paper, section 4: 2-hidden-1, sigmoid; one output for two classes, else one for each."""
    widths = [prod(input_shape), hidden, 1 if outputs == 2 else outputs]
    return perceptron(widths, "sigmoid", activate_last=True)
