"""Train a perceptron under a mask in torch, with hand-derived gradients."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from nets_deap.models.architecture import Architecture
from nets_deap.models.layout import Layout
from nets_deap.networks.compaction import compact
from nets_deap.networks.gather import Gatherer
from nets_deap.networks.optimizer import Descent
from nets_deap.networks.perceptron import (
    activate,
    check_gradients,
    loss_scale,
    output_error,
    through_activation,
)
from nets_deap.problem.recipe import Recipe


class _Buffers:
    """Activations and errors [batch, units] of every layer; `errors_t` are transposed views of the errors."""

    def __init__(self, layers: list[Tensor], batch: int) -> None:
        self.activations = [layer.new_empty(batch, layer.shape[0]) for layer in layers]
        self.errors = [layer.new_empty(batch, layer.shape[0]) for layer in layers]
        self.errors_t = [error.t() for error in self.errors]


class MaskedMLP:
    """A multilayer perceptron without biases, trained with hand-derived gradients.

    weights: float32[n]; mask: bool[n]; both are copied
    outputs: of the last minibatch; with cross-entropy, before the softmax

    The computation leaves out the units and inputs that the mask has cut off.
    """

    def __init__(
        self,
        architecture: Architecture,
        weights: np.ndarray,
        mask: np.ndarray,
        recipe: Recipe,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.perceptron = check_gradients(architecture)
        self.architecture = architecture
        self.initial = np.where(mask, weights, np.float32(0))
        self.compaction = compact(architecture, mask) if recipe.descent.idle_stay else None
        layout = architecture.layout
        self.inputs: Tensor | None = None
        if self.compaction:
            layout = Layout(layout.names, self.compaction.shapes)
            weights, mask = weights[self.compaction.genes], mask[self.compaction.genes]
            if len(self.compaction.inputs) < self.perceptron.widths[0]:
                self.inputs = torch.from_numpy(self.compaction.inputs).to(device)
        self.mask = torch.tensor(mask, device=device, dtype=dtype)
        self.flat = torch.tensor(weights, device=device, dtype=dtype).mul_(self.mask)
        self.layers: list[Tensor] = [view for _, view in layout.split(self.flat)]
        self.layers_t = [layer.t() for layer in self.layers]

        def parts(vector: Tensor) -> list[Tensor]:
            return [view for _, view in layout.split(vector)]

        self.descent = Descent(recipe, self.flat, parts)
        self.gradients = [] if self.descent.gradient is None else parts(self.descent.gradient)
        self._buffers: dict[int, _Buffers] = {}
        self._gather = Gatherer()

    def _buffers_for(self, batch: int) -> _Buffers:
        """Activations and errors of every layer for one batch size, allocated once."""
        if batch not in self._buffers:
            self._buffers[batch] = _Buffers(self.layers, batch)
        return self._buffers[batch]

    def _select(self, x: Tensor) -> Tensor:
        """The inputs [n, i] that this network uses, out of samples [n, *shape]."""
        x = x.flatten(1)
        return x if self.inputs is None else x.index_select(1, self.inputs)

    def forward(self, x: Tensor) -> Tensor:
        """Outputs [n, outputs] for samples [n, *shape]."""
        x = self._select(x)
        for i, layer in enumerate(self.layers, start=1):
            x = torch.mm(x, layer.t())
            activate(x, self.perceptron, last=i == len(self.layers))
        return x

    def step(self, x: Tensor, targets: Tensor, chosen: np.ndarray | None = None) -> None:
        """One optimiser step on a minibatch: samples [b, *shape], targets [b, outputs].

        chosen: int64[b], the minibatch's indices into x and targets, which may be longer; None: all samples
        """
        x, targets = self._gather(x, targets, chosen)
        x = self._select(x)
        buffers = self._buffers_for(len(x))
        hidden, errors, errors_t = buffers.activations, buffers.errors, buffers.errors_t
        last = len(self.layers) - 1
        below = x
        for i, layer_t in enumerate(self.layers_t):
            torch.mm(below, layer_t, out=hidden[i])
            activate(hidden[i], self.perceptron, last=i == last)
            below = hidden[i]
        self.outputs = hidden[last]
        scale = loss_scale(self.architecture, len(x))
        output_error(self.architecture, self.outputs, targets, scale, errors[last])
        for i in range(last, -1, -1):
            if i:
                torch.mm(errors[i], self.layers[i], out=errors[i - 1])
                through_activation(errors[i - 1], hidden[i - 1], self.perceptron)
            below = hidden[i - 1] if i else x
            if self.descent.gradient is None:
                self.layers[i].addmm_(errors_t[i], below, alpha=-self.descent.lr)
            else:
                torch.mm(errors_t[i], below, out=self.gradients[i])
        if self.descent.gradient is None:
            self.flat.mul_(self.mask)
        else:
            self.descent.gradient.mul_(self.mask)
            self.descent.step()

    def extras(self) -> np.ndarray:
        """The extras, [m]: a perceptron has none."""
        return self.architecture.initial_extras

    def weights(self) -> np.ndarray:
        """The current weights, [n]; those left out of the computation keep their initial values."""
        if not self.compaction:
            return self.flat.cpu().numpy().copy()
        weights = self.initial.astype(self.flat.cpu().numpy().dtype)
        weights[self.compaction.genes] = self.flat.cpu().numpy()
        return weights
