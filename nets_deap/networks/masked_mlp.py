"""Train a perceptron under a mask in torch, with hand-derived gradients."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from nets_deap.models.architecture import Architecture
from nets_deap.models.layout import INITIAL, Layout
from nets_deap.networks.compaction import compact, expanded
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
    """A multilayer perceptron, trained with hand-derived gradients.

    weights: float32[n]; mask: bool[n]; extras: float32[m], the biases, initial unless given; all are copied
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
        extras: np.ndarray = INITIAL,
    ) -> None:
        self.perceptron = check_gradients(architecture)
        self.architecture = architecture
        self.initial = np.where(mask, weights, np.float32(0))
        self.initial_extras = extras = architecture.or_initial(extras)
        weights = self.initial
        self.compaction = compact(architecture, mask) if recipe.descent.idle_stay else None
        layout = architecture.layout
        self.inputs: Tensor | None = None
        if self.compaction:
            layout = Layout(layout.names, self.compaction.shapes)
            weights, mask = weights[self.compaction.genes], mask[self.compaction.genes]
            extras = extras[self.compaction.units] if extras.size else extras
            if len(self.compaction.inputs) < self.perceptron.widths[0]:
                self.inputs = torch.from_numpy(self.compaction.inputs).to(device)
        self.size = weights.size  # the first of `flat`; biases come after them
        whole = np.concatenate([mask, np.ones(extras.size, dtype=bool)])
        self.mask = torch.tensor(whole, device=device, dtype=dtype)
        both = np.concatenate([weights, extras])
        self.flat = torch.tensor(both, device=device, dtype=dtype).mul_(self.mask)

        def parts(vector: Tensor) -> list[Tensor]:
            layers, biases = vector[: self.size], vector[self.size :]
            rows = [shape[0] for shape in layout.shapes] if extras.size else []
            return [*(view for _, view in layout.split(layers)), *biases.split(rows)]

        count = len(layout.names)
        self.layers, self.biases = parts(self.flat)[:count], parts(self.flat)[count:]
        self.layers_t = [layer.t() for layer in self.layers]
        self.descent = Descent(recipe, self.flat, parts)
        gradients = [] if self.descent.gradient is None else parts(self.descent.gradient)
        self.gradients, self.bias_gradients = gradients[:count], gradients[count:]
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
        for i, layer_t in enumerate(self.layers_t):
            x = torch.addmm(self.biases[i], x, layer_t) if self.biases else torch.mm(x, layer_t)
            activate(x, self.perceptron, i)
        return x

    def step(self, x: Tensor, targets: Tensor, chosen: np.ndarray | None = None) -> None:
        """One optimiser step on a minibatch: samples [b, *shape], targets [b, outputs].

        chosen: int64[b], the minibatch's indices into x and targets, which may be longer; None: all samples
        """
        x, targets = self._gather(x, targets, chosen)
        x, targets = self._select(x), targets.flatten(1)
        buffers = self._buffers_for(len(x))
        hidden, errors, errors_t = buffers.activations, buffers.errors, buffers.errors_t
        last = len(self.layers) - 1
        below = x
        for i, layer_t in enumerate(self.layers_t):
            if self.biases:
                torch.addmm(self.biases[i], below, layer_t, out=hidden[i])
            else:
                torch.mm(below, layer_t, out=hidden[i])
            activate(hidden[i], self.perceptron, i)
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
                if self.biases:
                    self.biases[i].sub_(errors[i].sum(dim=0), alpha=self.descent.lr)
            else:
                torch.mm(errors_t[i], below, out=self.gradients[i])
                if self.biases:
                    torch.sum(errors[i], dim=0, out=self.bias_gradients[i])
        if self.descent.gradient is None:
            self.flat.mul_(self.mask)
        else:
            self.descent.gradient.mul_(self.mask)
            self.descent.step()
            if self.descent.spreads:
                self.flat.mul_(self.mask)

    @property
    def state(self) -> Tensor:
        return self.flat

    def weights(self) -> np.ndarray:
        """The current weights, [n]; those left out of the computation keep their initial values."""
        weights = self.flat[: self.size].cpu().numpy()
        return expanded(weights, self.initial, self.compaction.genes if self.compaction else None)

    def extras(self) -> np.ndarray:
        """The current biases, [m]; likewise."""
        extras = self.flat[self.size :].cpu().numpy()
        units = self.compaction.units if self.compaction and extras.size else None
        return expanded(extras, self.initial_extras, units)
