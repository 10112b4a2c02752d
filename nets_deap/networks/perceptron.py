"""The hand-derived gradients of perceptrons, which their back ends share."""

from __future__ import annotations

import torch
from torch import Tensor

from nets_deap.models.mlp import MLP


def check_gradients(architecture: MLP) -> None:
    """Raise ValueError unless this module has the gradients of the architecture."""
    kind = (architecture.activation, architecture.loss)
    if kind[0] not in ("relu", "sigmoid") or kind[1] not in ("cross-entropy", "mse"):
        raise ValueError(f"no gradients for {kind[0]} with {kind[1]}")


def activate(z: Tensor, architecture: MLP, last: bool) -> None:
    """Apply a layer's activation in place; the last layer of a ReLU network has none."""
    if architecture.activation == "sigmoid":
        z.sigmoid_()
    elif not last:
        z.relu_()


def through_activation(error: Tensor, activated: Tensor, architecture: MLP) -> None:
    """Turn `error` from ∂loss/∂a into ∂loss/∂z, in place; `activated` is a."""
    if architecture.activation == "sigmoid":
        torch.ops.aten.sigmoid_backward.grad_input(error, activated, grad_input=error)
    else:
        torch.ops.aten.threshold_backward.grad_input(error, activated, 0, grad_input=error)


def loss_scale(architecture: MLP, samples: int) -> float:
    """The factor for `output_error` that makes the loss a mean over `samples` samples."""
    return 2 / (samples * architecture.outputs) if architecture.loss == "mse" else 1 / samples


def output_error(
    architecture: MLP, outputs: Tensor, targets: Tensor, scale: float | Tensor, out: Tensor
) -> None:
    """Write ∂loss/∂z of the output layer into `out`; dimension 1 of each tensor counts the outputs."""
    if architecture.loss == "mse":
        torch.sub(outputs, targets, out=out)
    else:
        torch.softmax(outputs, 1, out=out)
        out.sub_(targets)
    out.mul_(scale)
    if architecture.activation == "sigmoid":
        through_activation(out, outputs, architecture)
