"""Recognise perceptrons, for which there are hand-derived gradients and compiled kernels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import nn


class Perceptron(NamedTuple):
    """Linear layers without biases, one after the other.

    widths: units per layer, inputs and outputs included
    activation: "relu" after each layer but the last, or "sigmoid" after each
    """

    widths: tuple[int, ...]
    activation: str


def _steps(module: nn.Module) -> Iterator[nn.Module]:
    """The modules that a nested sequence calls, in order; those that do nothing are left out."""
    from torch import nn

    if type(module) is nn.Sequential:
        for child in module:
            yield from _steps(child)
    elif type(module) is not nn.Identity:
        yield module


def recognised(module: nn.Module, prunable: int) -> Perceptron | None:
    """The perceptron that a module is; None for anything else.

    prunable: how many of its parameters are; all must be
    """
    from torch import nn

    if any(each._forward_hooks or each._forward_pre_hooks for each in module.modules()):
        return None
    steps = list(_steps(module))
    if steps and type(steps[0]) is nn.Flatten and (steps[0].start_dim, steps[0].end_dim) == (1, -1):
        steps = steps[1:]
    between = steps[1::2]
    layers = [layer for layer in steps[::2] if type(layer) is nn.Linear]
    if not layers or len(layers) != prunable or len(layers) < len(steps[::2]):
        return None
    if any(layer.bias is not None for layer in layers) or len(set(map(id, layers))) < len(layers):
        return None
    kinds = {type(step) for step in between}
    widths = (layers[0].in_features, *(layer.out_features for layer in layers))
    if kinds == {nn.Sigmoid} and len(between) == len(layers):
        return Perceptron(widths, "sigmoid")
    if kinds <= {nn.ReLU} and len(between) == len(layers) - 1:
        return Perceptron(widths, "relu")
    return None
