"""Train perceptrons as one stack. All of them see the same samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from nets_deap.models.architecture import Architecture
from nets_deap.networks.perceptron import (
    activate,
    check_gradients,
    loss_scale,
    output_error,
    through_activation,
)
from nets_deap.networks.stack import Stack
from nets_deap.problem.recipe import Recipe


class StackedMLP(Stack):
    """P multilayer perceptrons without biases; each optimiser step trains all of them.

    precision: of the matrix products in training: "float32" (in fact `dtype`), "tf32" (for GPUs that have
        it) or "bf16". With "bf16", a copy of the weights, the activations, errors and gradients are bfloat16;
        the weights themselves, their updates, softmax, loss and scoring stay in `dtype`.

    Activations are stored as [P, units, samples]. The next step may overwrite `outputs`.
    Raises ValueError for an architecture without hand-derived gradients, and for another precision.
    """

    def __init__(
        self,
        architecture: Architecture,
        weights: Sequence[np.ndarray] | np.ndarray,
        masks: Sequence[np.ndarray] | np.ndarray,
        recipe: Recipe,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
        precision: str = "float32",
    ) -> None:
        self.perceptron = check_gradients(architecture)
        if precision not in ("float32", "tf32", "bf16"):
            raise ValueError(f"no precision {precision!r}")
        super().__init__(architecture, weights, masks, recipe, device, dtype)
        self._prepare(precision)

    def _prepare(self, precision: str) -> None:
        """Allocate what the steps need."""
        self.tf32 = precision == "tf32"
        self.half = self.flat.to(torch.bfloat16) if precision == "bf16" else None
        self.factors = self.layers if self.half is None else self._stacked(self.half)
        self.fused = self.descent.plain and self.half is None  # the update is part of the product
        self.gradient: Tensor | None = None
        if not self.fused:
            self.gradient = self.descent.gradient if self.half is None else torch.zeros_like(self.half)
        self.gradients = [] if self.gradient is None else self._stacked(self.gradient)
        self._buffers: dict[int, tuple[list[Tensor], list[Tensor]]] = {}

    def _buffers_for(self, batch: int) -> tuple[list[Tensor], list[Tensor]]:
        """Activations and errors of every layer for one batch size, allocated once."""
        if batch not in self._buffers:

            def buffers() -> list[Tensor]:
                return [factor.new_empty(*factor.shape[:2], batch) for factor in self.factors]

            self._buffers[batch] = (buffers(), buffers())
        return self._buffers[batch]

    def forward(self, x: Tensor) -> Tensor:
        """Outputs [P, n, outputs] of every network for the same samples [n, *shape]."""
        a = torch.mm(self.layers[0].flatten(0, 1), x.flatten(1).t()).view(self.networks, -1, len(x))
        activate(a, self.perceptron, last=len(self.layers) == 1)
        for i, layer in enumerate(self.layers[1:], start=2):
            a = torch.bmm(layer, a)
            activate(a, self.perceptron, last=i == len(self.layers))
        return a.transpose(1, 2)

    def _step(self, x: Tensor, targets: Tensor) -> Tensor:
        with products_in_tf32(self.tf32):
            return self._train(x.flatten(1), targets)

    def _train(self, x: Tensor, targets: Tensor) -> Tensor:
        if self.half is not None:
            self.half.copy_(self.flat)
            x = x.to(torch.bfloat16)
        hidden, errors = self._buffers_for(len(x))
        layers, last = self.factors, len(self.factors) - 1
        torch.mm(layers[0].flatten(0, 1), x.t(), out=hidden[0].flatten(0, 1))
        activate(hidden[0], self.perceptron, last=last == 0)
        for i in range(1, last + 1):
            torch.bmm(layers[i], hidden[i - 1], out=hidden[i])
            activate(hidden[i], self.perceptron, last=i == last)
        outputs = hidden[last].to(self.flat.dtype)
        error = errors[last] if self.half is None else torch.empty_like(outputs)
        output_error(self.architecture, outputs, targets.t(), loss_scale(self.architecture, len(x)), error)
        if self.half is not None:
            errors[last].copy_(error)
        for i in range(last, 0, -1):
            torch.bmm(layers[i].transpose(1, 2), errors[i], out=errors[i - 1])
            through_activation(errors[i - 1], hidden[i - 1], self.perceptron)
            below = hidden[i - 1].transpose(1, 2)
            if self.fused:
                layers[i].baddbmm_(errors[i], below, alpha=-self.descent.lr)
            else:
                torch.bmm(errors[i], below, out=self.gradients[i])
        if self.fused:
            layers[0].flatten(0, 1).addmm_(errors[0].flatten(0, 1), x, alpha=-self.descent.lr)
            self.flat.mul_(self.mask)
        else:
            torch.mm(errors[0].flatten(0, 1), x, out=self.gradients[0].flatten(0, 1))
            assert self.gradient is not None
            self._descend(self.gradient)
        return outputs.transpose(1, 2)


@contextmanager
def products_in_tf32(wanted: bool) -> Iterator[None]:
    """Whether float32 products on a GPU may round their factors to TF32. It changes nothing on a CPU."""
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = wanted
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
