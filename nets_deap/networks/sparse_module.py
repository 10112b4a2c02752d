"""Train any network under a mask at a cost that follows the density, as far as kernels compute its layers."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn

from nets_deap.models.architecture import Architecture
from nets_deap.models.layout import INITIAL
from nets_deap.models.template import Template
from nets_deap.networks.gather import Gatherer
from nets_deap.networks.interleaved.convolution import Sparse
from nets_deap.networks.interleaved.functions import plain
from nets_deap.networks.interleaved.images import Context
from nets_deap.networks.interleaved.layout import Arena
from nets_deap.networks.kernels.images import threads_of_our_own
from nets_deap.networks.masked_module import MaskedModule, check_step
from nets_deap.networks.multiply_adds import multiply_adds
from nets_deap.networks.narrowing import Narrowing
from nets_deap.networks.optimizer import Descent
from nets_deap.problem.recipe import Recipe
from nets_deap.util.random_streams import loading
from nets_deap.util.threads import as_usual

HELD = 2  # numbers for each output of a unit: it and its error
TRIED, TRIED_DENSITY = 3, 0.1  # samples in a trial of a module, and the density of its mask
KEPT = 4  # sets of buffers: of whole minibatches and of the last, in training and in scoring
SCORED = 64  # samples at a time when nothing is trained: all that lies between two layers fits the caches


class SparseModule:
    """`masked_module.MaskedModule` on a CPU, whose linear layers and convolutions are computed by kernels.

    weights: float32[n]; mask: bool[n]; extras: float32[m], initial unless given; all are copied
    flat: `dtype`[k + m], the active weights of those layers and all of the others, then the extras
    outputs: of the last minibatch
    """

    def __init__(
        self,
        architecture: Architecture,
        weights: np.ndarray,
        mask: np.ndarray,
        recipe: Recipe,
        dtype: torch.dtype = torch.float32,
        extras: np.ndarray = INITIAL,
    ) -> None:
        self.architecture = architecture
        self.narrowing = Narrowing(architecture, weights, mask, recipe, extras)
        architecture, extras = self.narrowing.architecture, self.narrowing.extras
        names = architecture.parameters
        masks = dict(
            zip(names, (part for _, part in architecture.layout.split(self.narrowing.mask)), strict=True)
        )
        layers = _layers(architecture.known().module)
        stored = [
            np.flatnonzero(part) if name in layers else np.arange(part.size) for name, part in masks.items()
        ]
        starts = np.cumsum([0, *architecture.layout.sizes])
        self.genes = np.concatenate([start + part for start, part in zip(starts, stored, strict=False)])
        self.size = self.narrowing.mask.size
        values = np.concatenate([self.narrowing.weights[self.genes], extras])
        self.state = torch.tensor(values, dtype=dtype)
        self.flat = self.state[: len(self.genes) + architecture.trained_extras]
        self.descent = Descent(recipe, self.flat)
        gradient = self.descent.gradient
        self.gradient = torch.zeros_like(self.flat) if gradient is None else gradient

        shapes = dict(zip(names, architecture.layout.shapes, strict=True))
        shapes |= {extra.name: extra.shape for extra in architecture.extras}
        sizes = [*map(len, stored), *(extra.size for extra in architecture.extras)]
        parts = dict(zip(shapes, self.state.split(sizes), strict=True))
        trained = [
            name for name, size in zip(shapes, np.cumsum(sizes), strict=True) if size <= len(self.flat)
        ]
        gradients = dict(zip(trained, self.gradient.split(sizes[: len(trained)]), strict=True))
        # Who reads the weight of such a layer outside of it gets NaN, and so is found out by `computes`.
        unread = torch.tensor(torch.nan, dtype=dtype)
        self.module = architecture.known().instance({
            name: unread.expand(shape) if name in layers & masks.keys() else parts[name].view(shape)
            for name, shape in shapes.items()
        })  # fmt: skip
        parameters = dict(self.module.named_parameters())
        self.sparse: dict[int, Sparse] = {}
        self._dense: list[tuple[Tensor, Tensor]] = []
        for name, part in gradients.items():
            if name in layers & masks.keys():
                leaf = parts[name].data.requires_grad_()
                leaf.grad = part
                parameters[name].requires_grad_(False)
                self.sparse[id(parameters[name])] = Sparse(masks[name], leaf)
            else:
                parameters[name].grad = part.view(shapes[name])
                if name in masks:
                    self._dense.append((part, torch.from_numpy(masks[name].ravel())))
        self._arenas: dict[int, Arena] = {}
        self._gather, self.held = Gatherer(), 0

    @threads_of_our_own()
    def run(self, x: Tensor) -> Tensor:
        """What the module gives for samples x, in the mode it is in."""
        key = len(x) if torch.is_grad_enabled() else -len(x)
        if key not in self._arenas:
            if len(self._arenas) == KEPT:
                del self._arenas[next(iter(self._arenas))]
            self._arenas[key] = Arena(self.flat.dtype)
        arena = self._arenas[key]
        arena.begin()
        with Context(self.sparse, arena):
            return plain(self.module(x))

    def forward(self, x: Tensor) -> Tensor:
        """Outputs [n, outputs] for samples [n, *shape], with the running statistics of normalisations."""
        self.module.eval()
        with torch.no_grad():
            return torch.cat([self.run(part) for part in x.split(SCORED)])

    @threads_of_our_own()
    def step(self, x: Tensor, targets: Tensor, chosen: np.ndarray | None = None) -> None:
        """One optimiser step; see `MaskedMLP.step`."""
        samples = len(x) if chosen is None else len(chosen)
        if samples > self.held:
            check_step(self.architecture, samples, HELD * self.flat.itemsize)
            self.held = samples
        x, targets = self._gather(x, targets, chosen)
        self.module.train()
        outputs = self.run(x)
        self.gradient.zero_()
        self.architecture.criterion.loss(outputs, targets).mean().backward()
        for part, mask in self._dense:
            part.mul_(mask)
        if self.descent.plain:
            self.flat.sub_(self.gradient, alpha=self.descent.lr)
        else:
            self.descent.step()
        self.outputs = outputs.detach()

    def weights(self) -> np.ndarray:
        """The current weights, [n]."""
        state = self.state.numpy()
        weights = np.zeros(self.size, dtype=state.dtype)
        weights[self.genes] = state[: len(self.genes)]
        return self.narrowing.all_weights(weights)

    def extras(self) -> np.ndarray:
        """The current extras, [m]."""
        extras = self.state.numpy()[len(self.genes) :]
        return self.narrowing.all_extras(extras)


def active_share(architecture: Architecture, mask: np.ndarray) -> float:
    """The share of the multiply-adds in prunable layers that the mask, bool[n], leaves."""
    counted = _multiply_adds(architecture.known())
    parts = zip(architecture.parameters, architecture.layout.split(mask), strict=True)
    left = sum(counted[name] * float(part.mean()) for name, (_, part) in parts)
    return left / max(1, sum(counted[name] for name in architecture.parameters))


_known: WeakKeyDictionary[Template, bool] = WeakKeyDictionary()
_counted: WeakKeyDictionary[Template, Counter[str]] = WeakKeyDictionary()
_rows: WeakKeyDictionary[Template, bool] = WeakKeyDictionary()


def _multiply_adds(template: Template) -> Counter[str]:
    if template not in _counted:
        _counted[template] = multiply_adds(template.instance().eval(), template.random_samples(1))
    return _counted[template]


def convolves(architecture: Architecture) -> bool:
    """Does the module have convolutions of images?"""
    return any(type(layer) is nn.Conv2d for layer in architecture.known().module.modules())


def of_rows(architecture: Architecture) -> bool:
    """Do its linear layers have one row a sample? Many, of tokens, are brought into the layout and back."""
    template = architecture.known()
    if template not in _rows:
        module, seen = template.instance().eval(), [2]
        for layer in module.modules():
            if type(layer) is nn.Linear:
                layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].ndim))
        with _tried(), torch.no_grad():
            module(template.random_samples(1))
        _rows[template] = set(seen) == {2}
    return _rows[template]


def computes(architecture: Architecture) -> bool:
    """Does the module give the same here as in `MaskedModule`?

    It may do anything with its weights and between its layers, so both are tried, once.
    """
    template = architecture.known()
    if template not in _known:
        _known[template] = _agree(architecture)
    return _known[template]


def _agree(architecture: Architecture) -> bool:
    """The same outputs and gradients, up to rounding, for random weights under a random mask?"""
    mask = np.random.default_rng(0).random(architecture.layout.size) < TRIED_DENSITY
    told = []
    with _tried():
        for make in (MaskedModule, SparseModule):
            try:
                told.append(_told(make, architecture, mask))
            except (MemoryError, KeyboardInterrupt):
                raise
            except Exception:  # a module that does with tensors what only tensors can do
                return False
    return all(np.allclose(one, other, rtol=1e-6, atol=1e-9) for one, other in zip(*told, strict=True))


@contextmanager
def _tried() -> Iterator[None]:
    """A module may draw at random and warn: neither is to be seen outside."""
    with loading(), as_usual(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _told(make: Any, architecture: Architecture, mask: np.ndarray) -> list[np.ndarray]:
    """Outputs in training and in evaluation, and the weights and extras after a step."""
    template = architecture.known()
    weights, extras = template.draw(np.random.default_rng(0))
    x = template.random_samples(TRIED)
    x = x.double() if x.is_floating_point() else x
    recipe = Recipe("sgd", 0.1, TRIED)
    network = make(architecture, weights, mask, recipe, dtype=torch.float64, extras=extras)
    if isinstance(network, MaskedModule):
        network.channels_last = False  # dropout draws in the order of memory
    torch.manual_seed(0)
    network.module.train()
    outputs = network.run(x)
    outputs.square().mean().backward()
    told = [outputs.detach().numpy(), network.forward(x).numpy()]
    network.flat.sub_(network.gradient)  # of pruned weights, too, in a MaskedModule
    return [*told, network.weights()[mask], network.extras()]


def _layers(module: nn.Module) -> set[str]:
    """The names of the weights that only linear layers and convolutions of images have."""
    return {
        f"{name}.weight".lstrip(".")
        for name, layer in module.named_modules()
        if type(layer) in (nn.Linear, nn.Conv2d)
    }
