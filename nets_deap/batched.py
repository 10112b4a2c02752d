"""Many networks of one architecture in training side by side, as stacked tensors.

The maths is `backprop.MaskedMLP`'s. All networks see the same samples, so the input layers of all of them
are one matrix product; the others are batched products.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

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
from nets_deap.data import Data, Part
from nets_deap.errors import NetsError
from nets_deap.models import Architecture
from nets_deap.problem import Recipe
from nets_deap.training import Score

Item = TypeVar("Item")
Result = TypeVar("Result")

EVALUATION_BATCH = 512  # samples, of every network at once
DEVICE_SHARE = 0.8  # of a GPU's memory; the rest is for its libraries and for fragmentation
HOST_MEMORY = 2**30  # bytes; on a CPU larger stacks are no faster


class BatchedMLP:
    """P multilayer perceptrons without biases, one optimiser step for all of them at a time.

    weights: float32[P, n] and masks: bool[P, n], or sequences of P such vectors; copied
    flat, mask: `dtype`[P·n], layer by layer, in each layer network by network
    layers: views of `flat`, [P, out, in] each

    Inside, activations are [P, units, samples]. Raises ValueError for an architecture without gradients.
    """

    def __init__(
        self,
        architecture: Architecture,
        weights: Sequence[np.ndarray] | np.ndarray,
        masks: Sequence[np.ndarray] | np.ndarray,
        recipe: Recipe,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        check_gradients(architecture)
        self.architecture = architecture
        self.networks = len(weights)
        self.flat = torch.empty(self.networks * architecture.layout.size, device=device, dtype=dtype)
        self.mask = torch.empty_like(self.flat)
        self.layers = self._stacked(self.flat)
        self._fill(self.layers, weights)
        self._fill(self._stacked(self.mask), masks)
        self.flat.mul_(self.mask)
        self.lr = recipe.lr
        self.optimizer = flat_optimizer(recipe, self.flat)
        self.gradients = [] if self.flat.grad is None else self._stacked(self.flat.grad)
        self._buffers: dict[int, tuple[list[Tensor], list[Tensor]]] = {}

    def _stacked(self, flat: Tensor) -> list[Tensor]:
        """Views [P, out, in] of a vector [P·n], one per layer."""
        layout = self.architecture.layout
        parts = flat.split([self.networks * size for size in layout.sizes])
        return [part.view(self.networks, *shape) for part, shape in zip(parts, layout.shapes, strict=True)]

    def _fill(self, layers: list[Tensor], vectors: Sequence[np.ndarray] | np.ndarray) -> None:
        for i, vector in enumerate(vectors):
            for layer, (_, part) in zip(layers, self.architecture.layout.split(vector), strict=True):
                layer[i].copy_(torch.tensor(part))

    def _buffers_for(self, batch: int) -> tuple[list[Tensor], list[Tensor]]:
        """Activations and errors of every layer for one batch size, allocated once."""
        if batch not in self._buffers:

            def buffers() -> list[Tensor]:
                return [self.flat.new_empty(*layer.shape[:2], batch) for layer in self.layers]

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

    def step(self, x: Tensor, targets: Tensor) -> None:
        """One optimiser step of every network: samples [b, *shape], targets [b, outputs]."""
        x = x.flatten(1)
        hidden, errors = self._buffers_for(len(x))
        last = len(self.layers) - 1
        torch.mm(self.layers[0].flatten(0, 1), x.t(), out=hidden[0].flatten(0, 1))
        activate(hidden[0], self.architecture, last=last == 0)
        for i in range(1, last + 1):
            torch.bmm(self.layers[i], hidden[i - 1], out=hidden[i])
            activate(hidden[i], self.architecture, last=i == last)
        scale = loss_scale(self.architecture, len(x))
        output_error(self.architecture, hidden[last], targets.t(), scale, errors[last])
        for i in range(last, 0, -1):
            torch.bmm(self.layers[i].transpose(1, 2), errors[i], out=errors[i - 1])
            through_activation(errors[i - 1], hidden[i - 1], self.architecture)
            below = hidden[i - 1].transpose(1, 2)
            if self.optimizer is None:
                self.layers[i].baddbmm_(errors[i], below, alpha=-self.lr)
            else:
                torch.bmm(errors[i], below, out=self.gradients[i])
        if self.optimizer is None:
            self.layers[0].flatten(0, 1).addmm_(errors[0].flatten(0, 1), x, alpha=-self.lr)
            self.flat.mul_(self.mask)
        else:
            torch.mm(errors[0].flatten(0, 1), x, out=self.gradients[0].flatten(0, 1))
            assert self.flat.grad is not None
            self.flat.grad.mul_(self.mask)
            self.optimizer.step()
        self.outputs = hidden[last].transpose(1, 2)

    def weights(self) -> np.ndarray:
        """The weights as they stand, [P, n]."""
        return torch.cat([layer.cpu().flatten(1) for layer in self.layers], dim=1).numpy()


def score_all(network: BatchedMLP, part: Part, classes: int) -> list[Score]:
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


def usable_memory(device: str) -> int:
    """Bytes that a stack and the data set may take.

    Of what the device has, not of what is free: so chunks, and with them rounding, stay the same.
    """
    if torch.device(device).type == "cuda":
        return int(DEVICE_SHARE * torch.cuda.get_device_properties(device).total_memory)
    return HOST_MEMORY


def chunk_size(
    memory: int, architecture: Architecture, recipe: Recipe, data: Data, dtype: torch.dtype
) -> int:
    """How many networks fit into `memory` bytes beside the data set while they train and are scored; ≥ 1."""
    samples = recipe.samples(len(data.train.y))
    batch = recipe.batch_size or samples
    batches = batch + samples % batch if batch < samples else samples  # the smaller last one has its own
    units, validation = sum(architecture.widths[1:]), len(data.validation.y)
    states = {"sgd": 0, "momentum": 2}.get(recipe.optimizer, 3)  # the gradient, and what torch keeps
    numbers = (
        (2 + states) * architecture.layout.size
        + 2 * units * batches
        + (units + 4 * architecture.outputs) * min(EVALUATION_BATCH, validation)
        + validation
    )
    checked = (dtype.itemsize + 4) * architecture.layout.size  # `assert_masked`
    losses = 2 * torch.double.itemsize * validation
    parts = (data.train, data.validation, data.test)
    data_set = sum(part.x.numel() * dtype.itemsize + part.y.nbytes for part in parts)
    targets = len(data.train.y) * architecture.outputs * dtype.itemsize
    return max(1, (memory - data_set - targets) // (numbers * dtype.itemsize + checked + losses))


def in_chunks(
    function: Callable[[Sequence[Item]], list[Result]], items: Sequence[Item], size: int
) -> list[Result]:
    """`function` over at most `size` items at a time; a chunk that runs out of memory is halved.

    Raises NetsError where one item alone is too much.
    """
    results: list[Result] = []
    while len(results) < len(items):
        chunk = items[len(results) : len(results) + size]
        try:
            results += function(chunk)
        except torch.cuda.OutOfMemoryError as error:
            if len(chunk) == 1:
                raise NetsError(
                    "the device's memory does not hold the training of one genome: "
                    "try a smaller --batch-size, or --device cpu"
                ) from error
            size = len(chunk) // 2
    return results
