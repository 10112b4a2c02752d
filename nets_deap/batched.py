"""Many networks of one architecture in training side by side, as stacked tensors.

The maths is `backprop.MaskedMLP`'s. All networks see the same samples, so the input layers of all of them
are one matrix product; the others are batched products.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nets_deap.backprop import (
    activate,
    check_gradients,
    flat_optimizer,
    loss_scale,
    output_error,
    sample_losses,
    through_activation,
)
from nets_deap.data import Part
from nets_deap.errors import NetsError
from nets_deap.genome import Layout
from nets_deap.graphs import Replayed
from nets_deap.minibatch import Gatherer
from nets_deap.models import MLP, Architecture
from nets_deap.problem import Recipe
from nets_deap.training import Score

EVALUATION_BATCH = 512  # samples, of every network at once


class Stack:
    """P networks of one architecture as stacked tensors, and what trains them.

    weights: float32[P, n] and masks: bool[P, n], or sequences of P such vectors; copied
    flat, mask: `dtype`[P·(n + m)], layer by layer, in each layer network by network; biases come last
    layers: views of `flat`, [P, *shape] each

    Raises NetsError for a network that keeps statistics: stacked ones have no place for them.
    """

    architecture: Any
    outputs: Tensor

    def __init__(
        self,
        architecture: Architecture,
        weights: Sequence[np.ndarray] | np.ndarray,
        masks: Sequence[np.ndarray] | np.ndarray,
        recipe: Recipe,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.architecture = architecture
        self.networks = len(weights)
        extras = architecture.initial_extras
        if architecture.keeps_statistics:
            raise NetsError(
                f"{architecture.name} normalises by batches: its networks cannot be trained as one stack: "
                "--map multiprocess or serial"
            )
        layout, others = architecture.layout, architecture.extras
        self.layout = Layout(
            layout.names + tuple(extra.name for extra in others),
            layout.shapes + tuple((extra.size,) for extra in others),
        )
        self.flat = torch.empty(self.networks * self.layout.size, device=device, dtype=dtype)
        self.mask = torch.empty_like(self.flat)
        self.layers = self._stacked(self.flat)
        self._fill(self.layers, [np.concatenate([vector, extras]) for vector in weights])
        unpruned = np.ones(extras.size, dtype=bool)
        self._fill(self._stacked(self.mask), [np.concatenate([mask, unpruned]) for mask in masks])
        self.flat.mul_(self.mask)
        self.lr = recipe.lr
        self.optimizer = flat_optimizer(recipe, self.flat)
        self._gather = Gatherer()

    def _stacked(self, flat: Tensor) -> list[Tensor]:
        """Views [P, *shape] of a vector [P·n], one per layer."""
        parts = flat.split([self.networks * size for size in self.layout.sizes])
        shapes = self.layout.shapes
        return [part.view(self.networks, *shape) for part, shape in zip(parts, shapes, strict=True)]

    def _fill(self, layers: list[Tensor], vectors: Sequence[np.ndarray]) -> None:
        for i, vector in enumerate(vectors):
            for layer, (_, part) in zip(layers, self.layout.split(vector), strict=True):
                layer[i].copy_(torch.from_numpy(part))

    def load(self, vectors: Tensor) -> None:
        """Put weights and biases in, [P, n + m]."""
        start = 0
        for layer, size in zip(self.layers, self.layout.sizes, strict=True):
            layer.copy_(vectors[:, start : start + size].view(layer.shape))
            start += size

    def _descend(self, gradient: Tensor) -> None:
        """One optimiser step by the gradient of `flat`; what is pruned stays zero."""
        if self.optimizer is None:
            self.flat.add_(gradient, alpha=-self.lr).mul_(self.mask)
        else:
            assert self.flat.grad is not None
            torch.mul(gradient, self.mask, out=self.flat.grad)
            self.optimizer.step()

    def weights(self) -> np.ndarray:
        """The weights as they stand, [P, n]."""
        return self._side_by_side(self.layers[: len(self.architecture.layout.names)])

    def extras(self) -> np.ndarray:
        """What else training changes, as it stands, [P, m]."""
        return self._side_by_side(self.layers[len(self.architecture.layout.names) :])

    def _side_by_side(self, layers: list[Tensor]) -> np.ndarray:
        empty = self.flat.new_empty(self.networks, 0).cpu()
        return torch.cat([empty, *(layer.cpu().flatten(1) for layer in layers)], dim=1).numpy()


class BatchedMLP(Stack):
    """P multilayer perceptrons without biases, one optimiser step for all of them at a time.

    precision: of the products in training: "float32" (in fact `dtype`), "tf32" or "bf16". TF32 is for GPUs
        that have it. In bfloat16 are copies of the weights, activations, errors and gradients; weights and
        updates stay in `dtype`, and so do softmax, loss and scoring.
    graphs: start a step's kernels together (`graphs.Replayed`); on a GPU only, and never run on one so far

    Inside, activations are [P, units, samples]; the next step may overwrite `outputs`.
    Raises ValueError for an architecture without gradients, and for another precision.
    """

    def __init__(
        self,
        architecture: MLP,
        weights: Sequence[np.ndarray] | np.ndarray,
        masks: Sequence[np.ndarray] | np.ndarray,
        recipe: Recipe,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
        precision: str = "float32",
        graphs: bool = False,
    ) -> None:
        check_gradients(architecture)
        if precision not in ("float32", "tf32", "bf16"):
            raise ValueError(f"no precision {precision!r}")
        super().__init__(architecture, weights, masks, recipe, device, dtype)
        self.tf32 = precision == "tf32"
        self.half = self.flat.to(torch.bfloat16) if precision == "bf16" else None
        self.factors = self.layers if self.half is None else self._stacked(self.half)
        self.fused = self.optimizer is None and self.half is None  # the update is part of the product
        self.gradient: Tensor | None = None
        if not self.fused:
            self.gradient = self.flat.grad if self.half is None else torch.zeros_like(self.half)
        self.gradients = [] if self.gradient is None else self._stacked(self.gradient)
        self._buffers: dict[int, tuple[list[Tensor], list[Tensor]]] = {}
        self._replayed = Replayed() if graphs and self.flat.is_cuda else None

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
        activate(a, self.architecture, last=len(self.layers) == 1)
        for i, layer in enumerate(self.layers[1:], start=2):
            a = torch.bmm(layer, a)
            activate(a, self.architecture, last=i == len(self.layers))
        return a.transpose(1, 2)

    def step(self, x: Tensor, targets: Tensor, chosen: np.ndarray | None = None) -> None:
        """One optimiser step of every network on a minibatch: samples [b, *shape], targets [b, outputs].

        chosen: int64[b], the minibatch's places in x and targets, which may then be longer; None: all of them
        """
        x, targets = self._gather(x, targets, chosen)
        with products_in_tf32(self.tf32):
            if self._replayed is None or chosen is None:
                self.outputs = self._step(x.flatten(1), targets)
            else:  # what was gathered always lies in the same place
                self.outputs = self._replayed(self._step, x.flatten(1), targets)

    def _step(self, x: Tensor, targets: Tensor) -> Tensor:
        if self.half is not None:
            self.half.copy_(self.flat)
            x = x.to(torch.bfloat16)
        hidden, errors = self._buffers_for(len(x))
        layers, last = self.factors, len(self.factors) - 1
        torch.mm(layers[0].flatten(0, 1), x.t(), out=hidden[0].flatten(0, 1))
        activate(hidden[0], self.architecture, last=last == 0)
        for i in range(1, last + 1):
            torch.bmm(layers[i], hidden[i - 1], out=hidden[i])
            activate(hidden[i], self.architecture, last=i == last)
        outputs = hidden[last].to(self.flat.dtype)
        error = errors[last] if self.half is None else torch.empty_like(outputs)
        output_error(self.architecture, outputs, targets.t(), loss_scale(self.architecture, len(x)), error)
        if self.half is not None:
            errors[last].copy_(error)
        for i in range(last, 0, -1):
            torch.bmm(layers[i].transpose(1, 2), errors[i], out=errors[i - 1])
            through_activation(errors[i - 1], hidden[i - 1], self.architecture)
            below = hidden[i - 1].transpose(1, 2)
            if self.fused:
                layers[i].baddbmm_(errors[i], below, alpha=-self.lr)
            else:
                torch.bmm(errors[i], below, out=self.gradients[i])
        if self.fused:
            layers[0].flatten(0, 1).addmm_(errors[0].flatten(0, 1), x, alpha=-self.lr)
            self.flat.mul_(self.mask)
        else:
            torch.mm(errors[0].flatten(0, 1), x, out=self.gradients[0].flatten(0, 1))
            assert self.gradient is not None
            self._descend(self.gradient)
        return outputs.transpose(1, 2)


class BatchedModule(Stack):
    """The same by autograd over the architecture's `nn.Module`, through `torch.func.vmap`.

    For architectures whose gradients are not written out, convolutional ones, and the reference for the rest.
    """

    def __init__(self, architecture: Architecture, *arguments: Any, **more: Any) -> None:
        super().__init__(architecture, *arguments, **more)
        with torch.device("meta"):
            self.module = architecture.module()
        names = [f"{name}.weight" for name in architecture.layout.names]
        names += [extra.name for extra in architecture.extras]
        self.parameters = dict(zip(names, self.layers, strict=True))
        self.gradient = torch.zeros_like(self.flat)
        self.gradients = dict(zip(names, self._stacked(self.gradient), strict=True))

    def _outputs(self, parameters: dict[str, Tensor], x: Tensor) -> Tensor:
        return torch.func.functional_call(self.module, parameters, (x,))

    def forward(self, x: Tensor) -> Tensor:
        """Outputs [P, n, outputs] of every network for the same samples [n, *shape]."""
        with torch.no_grad():
            return torch.func.vmap(self._outputs, in_dims=(0, None))(self.parameters, x)

    def step(self, x: Tensor, targets: Tensor, chosen: np.ndarray | None = None) -> None:
        """As `BatchedMLP.step`."""
        x, targets = self._gather(x, targets, chosen)

        def loss(parameters: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
            outputs = self._outputs(parameters, x)
            return sample_losses(outputs, targets, self.architecture.loss).mean(), outputs

        gradients, self.outputs = torch.func.vmap(torch.func.grad(loss, has_aux=True))(self.parameters)
        for name, gradient in gradients.items():
            self.gradients[name].copy_(gradient)
        self._descend(self.gradient)


@contextmanager
def products_in_tf32(wanted: bool) -> Iterator[None]:
    """Let float32 products on a GPU round their factors to TF32, which changes nothing on a CPU."""
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = wanted
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def score_all(network: BatchedMLP | BatchedModule, part: Part, classes: int) -> list[Score]:
    """The score of each network on samples it is not trained on, as by `training.evaluate`."""
    architecture, count = network.architecture, network.networks
    losses: list[Tensor] = []
    correct = torch.zeros(count, dtype=torch.int64, device=part.y.device)
    for x, y in zip(part.x.split(EVALUATION_BATCH), part.y.split(EVALUATION_BATCH), strict=True):
        outputs = network.forward(x)
        targets = architecture.targets(y, outputs.dtype).repeat(count, 1)
        losses.append(sample_losses(outputs.flatten(0, 1), targets, architecture.loss).view(count, -1))
        predicted = outputs[..., 0] > 0.5 if architecture.outputs == 1 else outputs.argmax(dim=2)
        correct += (predicted == y).sum(dim=1)
    per_sample = torch.cat(losses, dim=1).double()
    # Class by class: on a GPU, bincount adds in another order each time.
    of_class = [per_sample[:, part.y == label] for label in range(classes)]
    class_losses = torch.stack([those.sum(dim=1) / max(1, those.shape[1]) for those in of_class], dim=1)
    return [
        Score(loss, right / len(part.y), tuple(by_class))
        for loss, right, by_class in zip(
            per_sample.mean(dim=1).tolist(), correct.tolist(), class_losses.tolist(), strict=True
        )
    ]
