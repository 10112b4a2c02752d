"""Train perceptrons as one stack. All of them see the same samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from nets_deap.models.architecture import Architecture
from nets_deap.models.layout import INITIAL
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
    """P multilayer perceptrons; each optimiser step trains all of them.

    extras: float32[m], the biases of all of them; initial unless given

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
        extras: np.ndarray = INITIAL,
    ) -> None:
        self.perceptron = check_gradients(architecture)
        if precision not in ("float32", "tf32", "bf16"):
            raise ValueError(f"no precision {precision!r}")
        super().__init__(architecture, weights, masks, recipe, device, dtype, extras)
        self._prepare(precision)

    def _prepare(self, precision: str) -> None:
        """Allocate what the steps need."""
        self.tf32 = precision == "tf32"
        self.half = self.flat.to(torch.bfloat16) if precision == "bf16" else None
        self.factors, self.biases = self._stacked(self.flat if self.half is None else self.half)
        self.fused = self.descent.plain and self.half is None  # the update is part of the product
        self.gradient: Tensor | None = None
        if not self.fused:
            self.gradient = self.descent.gradient if self.half is None else torch.zeros_like(self.half)
        nothing: tuple[list[Tensor], list[Tensor]] = ([], [])
        self.gradients, self.bias_gradients = (
            nothing if self.gradient is None else self._stacked(self.gradient)
        )
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
        a = x.flatten(1).t()
        for i, layer in enumerate(self.layers):
            a = self._product(i, layer, self.trained, a)
            activate(a, self.perceptron, i)
        return a.transpose(1, 2)

    def _product(
        self, i: int, layer: Tensor, biases: list[Tensor], below: Tensor, out: Tensor | None = None
    ) -> Tensor:
        """What layer i, [P, units, inputs], makes of the activations below it, before its own activation.

        below: [P, inputs, samples]; [inputs, samples] for the first layer, whose inputs all networks share
        """
        if i:
            if biases:
                return torch.baddbmm(biases[i].unsqueeze(2), layer, below, out=out)
            return torch.bmm(layer, below, out=out)
        tall, flat = layer.flatten(0, 1), None if out is None else out.flatten(0, 1)
        if biases:
            made = torch.addmm(biases[0].view(-1, 1), tall, below, out=flat)
        else:
            made = torch.mm(tall, below, out=flat)
        return made.view(*layer.shape[:2], -1)

    def _step(self, x: Tensor, targets: Tensor) -> Tensor:
        with products_in_tf32(self.tf32):
            return self._train(x.flatten(1), targets.flatten(1).t())

    def _train(self, x: Tensor, targets: Tensor) -> Tensor:
        if self.half is not None:
            self.half.copy_(self.flat)
            x = x.to(torch.bfloat16)
        hidden, errors = self._buffers_for(len(x))
        layers, last = self.factors, len(self.factors) - 1
        for i, layer in enumerate(layers):
            self._product(i, layer, self.biases, hidden[i - 1] if i else x.t(), hidden[i])
            activate(hidden[i], self.perceptron, i)
        outputs = hidden[last].to(self.flat.dtype)
        error = errors[last] if self.half is None else torch.empty_like(outputs)
        output_error(self.architecture, outputs, targets, loss_scale(self.architecture, len(x)), error)
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
        for i, bias in enumerate(self.biases):
            if self.fused:
                bias.sub_(errors[i].sum(dim=2), alpha=self.descent.lr)
            else:
                torch.sum(errors[i], dim=2, out=self.bias_gradients[i])
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
