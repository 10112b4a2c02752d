"""Train any network under a mask, with autograd on the architecture's `nn.Module`.

This is the back end for convolutional networks, and the reference that the tests compare the perceptrons'
hand-derived gradients with.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from math import prod

import numpy as np
import torch
from torch import Tensor

from nets_deap.models.architecture import Architecture
from nets_deap.models.layout import INITIAL
from nets_deap.networks.gather import Gatherer
from nets_deap.networks.narrowing import Narrowing
from nets_deap.networks.optimizer import Descent
from nets_deap.networks.places import Places
from nets_deap.networks.recorded import Recorder, can_record
from nets_deap.problem.recipe import Recipe
from nets_deap.util import memory


class MaskedModule:
    """A network of any architecture. Pruned weights stay zero; biases and normalisations are trained too.

    weights: float32[n]; mask: bool[n]; extras: float32[m], initial unless given; all are copied
    outputs: of the last minibatch

    The module is smaller than the architecture's if the mask has cut off nodes. It keeps them if the
    optimiser moves weights without a gradient.
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
        self.architecture = architecture
        self.narrowing = Narrowing(architecture, weights, mask, recipe, extras)
        architecture, weights = self.narrowing.architecture, self.narrowing.weights
        mask, extras = self.narrowing.mask, self.narrowing.extras
        self.size = weights.size
        # Parameters and buffers of the module are views of one vector, gradients of another.
        trained = [extra for extra in architecture.extras if extra.trained]
        self.names = [*architecture.parameters, *(extra.name for extra in trained)]
        shapes = [*architecture.layout.shapes, *(extra.shape for extra in architecture.extras)]
        self.places = Places.on(device, shapes)
        state = self.places.laid_out(np.concatenate([weights, extras]))
        self.state = torch.tensor(state, device=device, dtype=dtype)
        end = self.places.starts[len(self.names)]
        self.flat = self.state[:end]  # what gradients train
        self.mask = self._covering(mask).to(self.flat)
        self.held = 0
        self.descent = Descent(recipe, self.flat, self._trained)
        gradient = self.descent.gradient
        self.gradient = torch.zeros_like(self.flat) if gradient is None else gradient
        names = [*architecture.parameters, *(extra.name for extra in architecture.extras)]
        named = dict(zip(names, self.places.views(self.state), strict=True))
        # CuDNN would move the weights of a recurrent layer out of this vector.
        as_they_lie = torch.backends.cudnn.flags(enabled=False) if self.state.is_cuda else nullcontext()
        with as_they_lie:
            self.module = architecture.known().instance(named).to(device, dtype)
        parameters = dict(self.module.named_parameters())
        for name, gradient in zip(self.names, self._trained(self.gradient), strict=True):
            parameters[name].grad = gradient
        self.parameters = [parameters[name] for name in self.names]
        self.channels_last = self.architecture.known().channels_last
        self.watch: Callable[[np.ndarray], None] | None = None  # is given ∂L/∂θ of all weights, [n]
        self._gather = Gatherer()
        replayable = self.state.is_cuda and self.descent.recordable and can_record(self.architecture)
        self._recorder = Recorder(self.state.device) if replayable else None
        if replayable:
            self.descent.record(self.state.device)

    def _trained(self, vector: Tensor) -> list[Tensor]:
        """A vector's views as the parameters that gradients train."""
        return self.places.views(vector)[: len(self.names)]

    def _covering(self, mask: np.ndarray) -> Tensor:
        """A mask, bool[n], in its places in `flat`, with ones for extras."""
        count = sum(prod(shape) for shape in self.places.shapes) - mask.size
        whole = self.places.laid_out(np.concatenate([mask, np.ones(count, dtype=bool)]))
        return torch.from_numpy(whole[: len(self.flat)])

    def cover(self, mask: np.ndarray, stays: np.ndarray | None = None) -> None:
        """Go on under another mask, bool[n]; a network that was made with all weights can.

        stays: bool[n], the weights that keep their values and the optimiser's memory; None: all
        """
        if stays is not None:
            kept = self._covering(stays).to(self.flat.device)
            self.descent.forget(kept)
            self.flat.mul_(kept)
        self.mask.copy_(self._covering(mask))
        self.flat.mul_(self.mask)

    def _laid_out(self, x: Tensor) -> Tensor:
        """Images with their channels last in memory, which makes convolutions faster."""
        return x.contiguous(memory_format=torch.channels_last) if self.channels_last else x

    def forward(self, x: Tensor) -> Tensor:
        """Outputs [n, outputs] for samples [n, *shape], with the running statistics of normalisations."""
        self.module.eval()
        with torch.no_grad():
            return self.run(x)

    def run(self, x: Tensor) -> Tensor:
        """What the module gives for samples x, in the mode it is in."""
        outputs: Tensor = self.module(self._laid_out(x))
        return outputs

    def step(self, x: Tensor, targets: Tensor, chosen: np.ndarray | None = None) -> None:
        """One optimiser step; see `MaskedMLP.step`. Raises NetsError for more samples than memory holds."""
        self._check_memory(len(x) if chosen is None else len(chosen))
        minibatch = self._gather(x, targets, chosen)
        self.module.train()
        if self._recorder is None or self.watch is not None:
            self.outputs = self._step(*minibatch)
        else:
            with torch.cuda.device(self.state.device):
                self.outputs = self._recorder(self._step, (), minibatch)

    def _step(self, x: Tensor, targets: Tensor) -> Tensor:
        """One optimiser step on a minibatch; the outputs [b, outputs] before it."""
        outputs = self.run(x)
        loss = self.architecture.criterion.loss(outputs, targets).mean()
        if self._recorder is None:
            self.gradient.zero_()
            loss.backward()
        else:  # A recording cannot add to gradients that another stream has made.
            for parameter, gradient in zip(
                self.parameters, torch.autograd.grad(loss, self.parameters, allow_unused=True), strict=True
            ):
                if gradient is not None and parameter.grad is not None:
                    parameter.grad.copy_(gradient)
        if self.watch is not None:
            layers = self._trained(self.gradient)[: len(self.architecture.parameters)]
            self.watch(torch.cat([slope.flatten() for slope in layers]).cpu().numpy())
        self.gradient.mul_(self.mask)
        if not self.descent.plain:
            self.descent.step()
            if self.descent.spreads:
                self.flat.mul_(self.mask)
        elif self.descent.rate is None:
            self.flat.sub_(self.gradient, alpha=self.descent.lr)
        else:
            self.flat.addcmul_(self.gradient, self.descent.rate, value=-1)
        return outputs.detach()

    def _check_memory(self, samples: int) -> None:
        """Look, before a system may kill the process, whether the outputs of all units fit."""
        if samples > self.held and self.state.device.type == "cpu":
            check_step(self.architecture, samples, self.state.itemsize)
            self.held = samples

    def weights(self) -> np.ndarray:
        """The current weights, [n]."""
        weights = self.places.gathered(self.state)[: self.size]
        return self.narrowing.all_weights(weights)

    def extras(self) -> np.ndarray:
        """The current extras, [m]."""
        extras = self.places.gathered(self.state)[self.size :]
        return self.narrowing.all_extras(extras)


def check_step(architecture: Architecture, samples: int, each: int) -> None:
    """Raise NetsError unless memory holds so many bytes for the output of each unit."""
    memory.check(
        float(architecture.known().units) * samples * each,
        f"a step of {architecture.name} on {samples:,} samples",
        "take a smaller `batch_size`",
    )
