"""The hand-derived gradients of perceptrons, which their back ends share."""

from __future__ import annotations

import torch
from torch import Tensor

from nets_deap.models.architecture import Architecture
from nets_deap.models.perceptron import Perceptron

LOSSES = ("cross-entropy", "mse", "binary", "mae", "huber")
_IN_PLACE = {"relu": torch.relu_, "sigmoid": torch.sigmoid_, "tanh": torch.tanh_}
_BACKWARD = {
    "sigmoid": torch.ops.aten.sigmoid_backward.grad_input,
    "tanh": torch.ops.aten.tanh_backward.grad_input,
}


def has_gradients(architecture: Architecture) -> bool:
    """Does this module have the gradients of the architecture and its loss?"""
    return architecture.perceptron is not None and architecture.criterion.kind in LOSSES


def check_gradients(architecture: Architecture) -> Perceptron:
    """The layers of a perceptron. Raises ValueError unless this module has its gradients."""
    perceptron = architecture.perceptron
    if perceptron is None or not has_gradients(architecture):
        raise ValueError(f"no gradients for {architecture.name} with {architecture.criterion.loss}")
    return perceptron


def activate(z: Tensor, perceptron: Perceptron, layer: int) -> None:
    """Apply the activation that follows a layer, counted from 0, in place; none may follow the last."""
    if perceptron.activates(layer):
        _IN_PLACE[perceptron.activation](z)


def through_activation(error: Tensor, activated: Tensor, perceptron: Perceptron) -> None:
    """Turn `error` from ∂loss/∂a into ∂loss/∂z, in place; `activated` is a."""
    if perceptron.activation == "relu":
        torch.ops.aten.threshold_backward.grad_input(error, activated, 0, grad_input=error)
    else:
        _BACKWARD[perceptron.activation](error, activated, grad_input=error)


def loss_scale(architecture: Architecture, samples: int) -> float:
    """The factor for `output_error` that makes the loss a mean over `samples` samples, and of all but a
    cross-entropy over their outputs."""
    kind, perceptron = architecture.criterion.kind, architecture.perceptron
    assert perceptron
    numbers = samples * (1 if kind == "cross-entropy" else perceptron.widths[-1])
    return (2 if kind == "mse" else 1) / numbers


def output_error(
    architecture: Architecture, outputs: Tensor, targets: Tensor, scale: float | Tensor, out: Tensor
) -> None:
    """Write ∂loss/∂z of the output layer into `out`; dimension 1 of each tensor counts the outputs."""
    kind = architecture.criterion.kind
    if kind == "cross-entropy":
        torch.softmax(outputs, 1, out=out)
    elif kind == "binary":
        torch.sigmoid(outputs, out=out)
    else:
        out.copy_(outputs)
    out.sub_(targets)
    if kind == "mae":
        out.sign_()
    elif kind == "huber":
        delta = architecture.criterion.loss.delta
        out.clamp_(-delta, delta)
    out.mul_(scale)
    assert architecture.perceptron
    if architecture.perceptron.at_outputs:
        through_activation(out, outputs, architecture.perceptron)
