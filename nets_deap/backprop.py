"""Perceptrons in training under a mask: one optimiser step at a time, by hand-derived gradients.

`MaskedMLP` runs on a GPU, and where `compiled.CompiledMLP` does not pay. The promise: a pruned weight is zero
after every step.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from nets_deap.compaction import compact
from nets_deap.errors import unknown
from nets_deap.genome import Layout
from nets_deap.minibatch import Gatherer
from nets_deap.models import MLP
from nets_deap.problem import OPTIMIZERS, Recipe


class FlatOptimizer:
    """Momentum or Adam on one vector of weights and its `grad`, which it allocates, by torch's fused kernels.

    What `torch.optim` does with fused=True; but constructing that imports torch's compiler, which takes
    seconds in every process.
    """

    def __init__(self, recipe: Recipe, flat: Tensor) -> None:
        self.adam, self.lr, self.flat = recipe.optimizer == "adam", recipe.lr, flat
        self.gradient = flat.grad = torch.zeros_like(flat)
        self.factor = OPTIMIZERS[recipe.optimizer][1].get("momentum", 0.0)
        self.mean = torch.zeros_like(flat)
        if self.adam:
            self.square, self.steps = torch.zeros_like(flat), torch.zeros((), device=flat.device)

    def step(self) -> None:
        weights, gradient, mean = [self.flat], [self.gradient], [self.mean]
        if self.adam:
            self.steps += 1
            torch._fused_adam_(
                weights, gradient, mean, [self.square], [], [self.steps],
                lr=self.lr, beta1=0.9, beta2=0.999, eps=1e-8,
                weight_decay=0.0, amsgrad=False, maximize=False,
            )  # fmt: skip
        else:
            torch._fused_sgd_(
                weights, gradient, mean,
                lr=self.lr, momentum=self.factor, dampening=0.0, is_first_step=False,
                weight_decay=0.0, nesterov=False, maximize=False,
            )  # fmt: skip


def flat_optimizer(recipe: Recipe, flat: Tensor) -> FlatOptimizer | None:
    """The recipe's optimiser for one vector of weights, which gets a `grad`; None for plain SGD.

    Plain SGD needs neither: the product that gives the gradient is added to the weights.
    Raises NetsError for a name that is not in OPTIMIZERS.
    """
    if recipe.optimizer not in OPTIMIZERS:
        raise unknown("optimizer", recipe.optimizer, OPTIMIZERS)
    if recipe.optimizer == "sgd":
        return None
    return FlatOptimizer(recipe, flat)


def sample_losses(outputs: Tensor, targets: Tensor, loss: str) -> Tensor:
    """Loss of each sample, [n]; its mean is the loss that training minimises."""
    if loss == "mse":
        return (outputs - targets).square().mean(dim=1)
    return -(torch.log_softmax(outputs, dim=1) * targets).sum(dim=1)


def check_gradients(architecture: MLP) -> None:
    """Raise ValueError unless the gradients of this architecture are written out below."""
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
    """∂loss/∂z from ∂loss/∂a, in place; `activated` is a."""
    if architecture.activation == "sigmoid":
        torch.ops.aten.sigmoid_backward.grad_input(error, activated, grad_input=error)
    else:
        torch.ops.aten.threshold_backward.grad_input(error, activated, 0, grad_input=error)


def loss_scale(architecture: MLP, samples: int) -> float:
    """What `output_error` multiplies by so that the loss is a mean over so many samples."""
    return 2 / (samples * architecture.outputs) if architecture.loss == "mse" else 1 / samples


def output_error(
    architecture: MLP, outputs: Tensor, targets: Tensor, scale: float | Tensor, out: Tensor
) -> None:
    """∂loss/∂z of the output layer, into `out`; dimension 1 of each tensor is that of the outputs."""
    if architecture.loss == "mse":
        torch.sub(outputs, targets, out=out)
    else:
        torch.softmax(outputs, 1, out=out)
        out.sub_(targets)
    out.mul_(scale)
    if architecture.activation == "sigmoid":
        through_activation(out, outputs, architecture)


class _Buffers:
    """Activations and errors [batch, units] of every layer, and the errors transposed (the same memory)."""

    def __init__(self, layers: list[Tensor], batch: int) -> None:
        self.activations = [layer.new_empty(batch, layer.shape[0]) for layer in layers]
        self.errors = [layer.new_empty(batch, layer.shape[0]) for layer in layers]
        self.errors_t = [error.t() for error in self.errors]


class MaskedMLP:
    """A multilayer perceptron without biases, trained by hand-derived gradients.

    weights: float32[n] and mask: bool[n], both copied. `outputs` holds the last batch's, before the
    softmax of a cross-entropy. What the mask has cut off altogether is left out of the computation.
    """

    def __init__(
        self,
        architecture: MLP,
        weights: np.ndarray,
        mask: np.ndarray,
        recipe: Recipe,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        check_gradients(architecture)
        self.architecture = architecture
        self.initial = np.where(mask, weights, np.float32(0))
        self.compaction = compact(architecture, mask)
        layout = architecture.layout
        self.inputs: Tensor | None = None
        if self.compaction:
            layout = Layout(layout.names, self.compaction.shapes)
            weights, mask = weights[self.compaction.genes], mask[self.compaction.genes]
            if len(self.compaction.inputs) < architecture.widths[0]:
                self.inputs = torch.from_numpy(self.compaction.inputs).to(device)
        self.mask = torch.tensor(mask, device=device, dtype=dtype)
        self.flat = torch.tensor(weights, device=device, dtype=dtype).mul_(self.mask)
        self.layers: list[Tensor] = [view for _, view in layout.split(self.flat)]
        self.layers_t = [layer.t() for layer in self.layers]
        self.lr = recipe.lr
        self.optimizer = flat_optimizer(recipe, self.flat)
        self.gradients: list[Tensor] = []
        if self.flat.grad is not None:
            self.gradients = [view for _, view in layout.split(self.flat.grad)]
        self._buffers: dict[int, _Buffers] = {}
        self._gather = Gatherer()

    def _buffers_for(self, batch: int) -> _Buffers:
        """Activations and errors of every layer for one batch size, allocated once."""
        if batch not in self._buffers:
            self._buffers[batch] = _Buffers(self.layers, batch)
        return self._buffers[batch]

    def _select(self, x: Tensor) -> Tensor:
        """The inputs [n, i] of samples [n, *shape] that this network looks at."""
        x = x.flatten(1)
        return x if self.inputs is None else x.index_select(1, self.inputs)

    def forward(self, x: Tensor) -> Tensor:
        """Outputs [n, outputs] for samples [n, *shape]."""
        x = self._select(x)
        for i, layer in enumerate(self.layers, start=1):
            x = torch.mm(x, layer.t())
            activate(x, self.architecture, last=i == len(self.layers))
        return x

    def step(self, x: Tensor, targets: Tensor, chosen: np.ndarray | None = None) -> None:
        """One optimiser step on a minibatch: samples [b, *shape], targets [b, outputs].

        chosen: int64[b], the minibatch's places in x and targets, which may then be longer; None: all of them
        """
        x, targets = self._gather(x, targets, chosen)
        x = self._select(x)
        buffers = self._buffers_for(len(x))
        hidden, errors, errors_t = buffers.activations, buffers.errors, buffers.errors_t
        last = len(self.layers) - 1
        below = x
        for i, layer_t in enumerate(self.layers_t):
            torch.mm(below, layer_t, out=hidden[i])
            activate(hidden[i], self.architecture, last=i == last)
            below = hidden[i]
        self.outputs = hidden[last]
        scale = loss_scale(self.architecture, len(x))
        output_error(self.architecture, self.outputs, targets, scale, errors[last])
        for i in range(last, -1, -1):
            if i:
                torch.mm(errors[i], self.layers[i], out=errors[i - 1])
                through_activation(errors[i - 1], hidden[i - 1], self.architecture)
            below = hidden[i - 1] if i else x
            if self.optimizer is None:
                self.layers[i].addmm_(errors_t[i], below, alpha=-self.lr)
            else:
                torch.mm(errors_t[i], below, out=self.gradients[i])
        if self.optimizer is None:
            self.flat.mul_(self.mask)
        else:
            assert self.flat.grad is not None
            self.flat.grad.mul_(self.mask)
            self.optimizer.step()

    def extras(self) -> np.ndarray:
        """What else training changes: nothing."""
        return self.architecture.initial_extras

    def weights(self) -> np.ndarray:
        """The weights as they stand, [n]; those left out of the computation stand as they stood."""
        if not self.compaction:
            return self.flat.cpu().numpy().copy()
        weights = self.initial.astype(self.flat.cpu().numpy().dtype)
        weights[self.compaction.genes] = self.flat.cpu().numpy()
        return weights
