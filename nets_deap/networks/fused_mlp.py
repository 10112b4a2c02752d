"""Train perceptrons as one stack on a GPU, with kernels that move each weight as rarely as possible."""

from __future__ import annotations

import importlib.util
import warnings
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from nets_deap.models.architecture import Architecture
from nets_deap.networks.perceptron import loss_scale, output_error
from nets_deap.networks.stacked_mlp import StackedMLP
from nets_deap.problem.recipe import Recipe
from nets_deap.util.errors import NetsWarning


class _Padded(NamedTuple):
    """A minibatch, what the layers make of it, and the errors of that; zeros fill up the samples."""

    x: Tensor  # [padded, inputs]
    x_t: Tensor  # [inputs, padded]
    outputs: list[Tensor]  # [P, units, padded] each
    errors: list[Tensor]


class FusedMLP(StackedMLP):
    """A `StackedMLP` of ReLU networks without biases, with plain SGD on a GPU, in float32; see
    `kernels.triton_mlp`.

    A step reads each weight once forward; the update reads it and a byte of its mask, and writes it.
    Weights, activations and errors are float32, whatever the precision of the products.
    """

    def _prepare(self, precision: str) -> None:
        from nets_deap.networks.kernels import triton_mlp as kernels

        self.kernels, self.rounded = kernels, kernels.FACTORS[precision]
        self.masks, _ = self._stacked(self.mask.bool())
        self._padded: dict[int, _Padded] = {}

    def _padded_for(self, batch: int) -> _Padded:
        """The tensors of a step for one batch size, allocated once."""
        if batch not in self._padded:
            padded = -(-batch // self.kernels.SAMPLES) * self.kernels.SAMPLES
            inputs = self.layers[0].new_zeros(padded, self.layers[0].shape[2])
            outputs = [layer.new_zeros(*layer.shape[:2], padded) for layer in self.layers]
            errors = [torch.zeros_like(output) for output in outputs]
            self._padded[batch] = _Padded(inputs, inputs.t().contiguous(), outputs, errors)
        return self._padded[batch]

    def _step(self, x: Tensor, targets: Tensor) -> Tensor:
        kernels, factors, batch = self.kernels, self.rounded, len(x)
        padded = self._padded_for(batch)
        outputs, errors, last = padded.outputs, padded.errors, len(self.layers) - 1
        padded.x[:batch].copy_(x.flatten(1))
        padded.x_t.copy_(padded.x.t())

        def layer(i: int, *tensors: Tensor) -> list[Tensor]:
            """Of the first layer, whose inputs all networks share, the networks are one tall matrix."""
            return [tensor.flatten(0, 1)[None] if i == 0 else tensor for tensor in tensors]

        below = padded.x.t()[None]
        for i in range(last + 1):
            weights, output = layer(i, self.layers[i], outputs[i])
            kernels.forward(weights, below, output, i < last, factors)
            below = outputs[i]
        output, error = outputs[last][..., :batch], errors[last][..., :batch]
        wanted = targets.flatten(1).t()
        output_error(self.architecture, output, wanted, loss_scale(self.architecture, batch), error)
        for i in range(last, -1, -1):
            if i:
                kernels.backward(self.layers[i], errors[i], outputs[i - 1], errors[i - 1], factors)
            weights, mask, error = layer(i, self.layers[i], self.masks[i], errors[i])
            kernels.update(
                weights, mask, error, outputs[i - 1] if i else padded.x_t[None], self.descent.lr, factors
            )
        return output.transpose(1, 2)


def supports(
    architecture: Architecture, recipe: Recipe, device: str, dtype: torch.dtype, precision: str
) -> bool:
    """Can a `FusedMLP` train these networks there, with products of this precision?"""
    plain = recipe.descent.plain and not recipe.clip
    perceptron = architecture.perceptron
    assert perceptron
    hidden = perceptron.activation == "relu" and not (perceptron.at_outputs or perceptron.biases)
    kind = (hidden, plain, dtype, torch.device(device).type)
    return kind == (True, True, torch.float32, "cuda") and _triton_works(device, precision)


@cache
def _triton_works(device: str, precision: str) -> bool:
    """Does Triton compile and run the kernels there, at the size of their tiles?

    It needs a C compiler and a recent GPU. Where it is installed and fails, a warning says why.
    """
    if importlib.util.find_spec("triton") is None:
        return False
    from nets_deap.networks.kernels import triton_mlp

    try:
        factors = triton_mlp.FACTORS[precision]
        square = torch.ones(1, 256, 256, device=device)
        ones, sums, below = torch.ones(1, 256, 64, device=device), *torch.empty(2, 1, 256, 64, device=device)
        triton_mlp.forward(square, ones, sums, True, factors)
        triton_mlp.backward(square, ones, ones, below, factors)
        triton_mlp.update(square, square > 0, ones, ones, 1.0, factors)
        if bool((sums == 256).all() and (below == 256).all() and (square == 1 - 64).all()):
            return True
        reason = "a product came out wrong"
    except Exception as error:  # whatever the compiler or the driver raises
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
    message = f"Triton does not work here ({reason}): torch trains on the GPU, more slowly"
    warnings.warn(message, NetsWarning, stacklevel=2)
    return False
