"""The hand-derived gradients of perceptrons, which their back ends share."""

from __future__ import annotations

import torch
from torch import Tensor

from nets_deap.models.architecture import Architecture
from nets_deap.models.perceptron import Perceptron


def has_gradients(architecture: Architecture) -> bool:
    """Does this module have the gradients of the architecture and its loss?"""
    return architecture.perceptron is not None and architecture.criterion.kind in ("cross-entropy", "mse")


def check_gradients(architecture: Architecture) -> Perceptron:
    """The layers of a perceptron. Raises ValueError unless this module has its gradients."""
    perceptron = architecture.perceptron
    if perceptron is None or not has_gradients(architecture):
        raise ValueError(f"no gradients for {architecture.name} with {architecture.criterion.loss}")
    return perceptron


def activate(z: Tensor, layers: Perceptron, last: bool) -> None:
    """Apply a layer's activation in place; the last layer of a ReLU network has none."""
    if layers.activation == "sigmoid":
        z.sigmoid_()
    elif not last:
        z.relu_()


def through_activation(error: Tensor, activated: Tensor, layers: Perceptron) -> None:
    """Turn `error` from ∂loss/∂a into ∂loss/∂z, in place; `activated` is a."""
    if layers.activation == "sigmoid":
        torch.ops.aten.sigmoid_backward.grad_input(error, activated, grad_input=error)
    else:
        torch.ops.aten.threshold_backward.grad_input(error, activated, 0, grad_input=error)


def loss_scale(architecture: Architecture, samples: int) -> float:
    """The factor for `output_error` that makes the loss a mean over `samples` samples."""
    if architecture.criterion.kind == "mse":
        assert architecture.perceptron
        return 2 / (samples * architecture.perceptron.widths[-1])
    return 1 / samples


def output_error(
    architecture: Architecture, outputs: Tensor, targets: Tensor, scale: float | Tensor, out: Tensor
) -> None:
    """Write ∂loss/∂z of the output layer into `out`; dimension 1 of each tensor counts the outputs."""
    if architecture.criterion.kind == "mse":
        torch.sub(outputs, targets, out=out)
    else:
        torch.softmax(outputs, 1, out=out)
        out.sub_(targets)
    out.mul_(scale)
    assert architecture.perceptron
    if architecture.perceptron.activation == "sigmoid":
        through_activation(out, outputs, architecture.perceptron)
