"""Train any network under a mask at a cost that follows the density, as far as kernels compute its layers."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn

from nets_deap.models.architecture import Architecture
from nets_deap.models.layout import INITIAL
from nets_deap.models.node_space import narrow_to_mask
from nets_deap.models.template import Template
from nets_deap.networks.compaction import expanded
from nets_deap.networks.gather import Gatherer
from nets_deap.networks.interleaved.convolution import Sparse
from nets_deap.networks.interleaved.functions import plain
from nets_deap.networks.interleaved.images import Context
from nets_deap.networks.interleaved.layout import Arena
from nets_deap.networks.kernels.images import threads_of_our_own
from nets_deap.networks.masked_module import MaskedModule, check_step
from nets_deap.networks.multiply_adds import multiply_adds
from nets_deap.networks.optimizer import Descent
from nets_deap.problem.recipe import Recipe
from nets_deap.util.random_streams import undisturbed
from nets_deap.util.threads import as_usual

HELD = 2  # numbers for each output of a unit: it and its error
TRIED, TRIED_DENSITY = 3, 0.1  # samples in a trial of a module, and the density of its mask
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
        self.initial = np.where(mask, weights, np.float32(0))
        self.initial_extras = architecture.or_initial(extras)
        weights, extras = self.initial, self.initial_extras
        self.narrowed = narrow_to_mask(architecture, mask) if recipe.descent.idle_stay else None
        if self.narrowed:
            architecture = self.narrowed.architecture
            weights, mask = weights[self.narrowed.genes], mask[self.narrowed.genes]
            extras = extras[self.narrowed.extras]
        masks = dict(
            zip(architecture.parameters, (m for _, m in architecture.layout.split(mask)), strict=True)
        )
        layers = _layers(architecture.known().module)
        stored = [
            np.flatnonzero(each) if name in layers else np.arange(each.size) for name, each in masks.items()
        ]
        starts = np.cumsum([0, *(each.size for each in masks.values())])
        self.genes = np.concatenate([start + each for start, each in zip(starts, stored, strict=False)])
        self.size = mask.size
        self.state = torch.tensor(np.concatenate([weights[self.genes], extras]), dtype=dtype)
        trained = [extra for extra in architecture.extras if extra.trained]
        end = len(self.genes) + sum(extra.size for extra in trained)
        self.flat = self.state[:end]
        self.descent = Descent(recipe, self.flat)
        gradient = self.descent.gradient
        self.gradient = torch.zeros_like(self.flat) if gradient is None else gradient
        sizes = [*map(len, stored), *(extra.size for extra in architecture.extras)]
        names = [*architecture.parameters, *(extra.name for extra in architecture.extras)]
        parts = dict(zip(names, self.state.split(sizes), strict=True))
        count = len(names) - len(architecture.extras) + len(trained)
        gradients = dict(zip(names[:count], self.gradient.split(sizes[:count]), strict=True))
        shapes = dict(zip(architecture.parameters, architecture.layout.shapes, strict=True))
        shapes |= {extra.name: extra.shape for extra in architecture.extras}
        leaves = {}
        for name in masks:
            if name in layers:
                leaves[name] = parts[name].data.requires_grad_()
                leaves[name].grad = gradients[name]
                parts[name] = torch.full((), torch.nan, dtype=dtype).expand(shapes[name])
            else:
                parts[name] = parts[name].view(shapes[name])
        named = {name: part if name in leaves else part.view(shapes[name]) for name, part in parts.items()}
        self.module = architecture.known().instance(named)
        parameters = dict(self.module.named_parameters())
        for name, part in gradients.items():
            if name in leaves:
                parameters[name].requires_grad_(False)
            else:
                parameters[name].grad = part.view(shapes[name])
        self.sparse = {id(parameters[name]): Sparse(masks[name], leaf) for name, leaf in leaves.items()}
        self._dense = [
            (gradients[name], torch.from_numpy(masks[name].ravel())) for name in masks if name not in leaves
        ]
        self._arenas: dict[int, Arena] = {}
        self._gather, self.held = Gatherer(), 0

    @threads_of_our_own()
    def run(self, x: Tensor) -> Tensor:
        """What the module gives for samples x, in the mode it is in."""
        key = len(x) if torch.is_grad_enabled() else -len(x)
        if key not in self._arenas:
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
        return expanded(weights, self.initial, self.narrowed.genes if self.narrowed else None)

    def extras(self) -> np.ndarray:
        """The current extras, [m]."""
        extras = self.state.numpy()[len(self.genes) :]
        return expanded(extras, self.initial_extras, self.narrowed.extras if self.narrowed else None)


def active_share(architecture: Architecture, mask: np.ndarray) -> float:
    """The share of the multiply-adds in prunable layers that the mask, bool[n], leaves."""
    counted = _multiply_adds(architecture.known())
    parts = zip(architecture.parameters, architecture.layout.split(mask), strict=True)
    left = sum(counted[name] * float(part.mean()) for name, (_, part) in parts)
    return left / max(1, sum(counted[name] for name in architecture.parameters))


_known: WeakKeyDictionary[Template, bool] = WeakKeyDictionary()
_counted: WeakKeyDictionary[Template, Counter[str]] = WeakKeyDictionary()


def _multiply_adds(template: Template) -> Counter[str]:
    if template not in _counted:
        _counted[template] = multiply_adds(template.instance().eval(), template.random_samples(1))
    return _counted[template]


def computes(architecture: Architecture) -> bool:
    """Does the module have convolutions, and does it give the same here as in `MaskedModule`?

    It may do anything with its weights and between its layers, so both are tried, once.
    """
    template = architecture.known()
    if template not in _known:
        convolves = any(type(layer) is nn.Conv2d for layer in template.module.modules())
        _known[template] = convolves and _agree(architecture)
    return _known[template]


def _agree(architecture: Architecture) -> bool:
    """The same outputs and gradients, up to rounding, for random weights under a random mask?"""
    mask = np.random.default_rng(0).random(architecture.layout.size) < TRIED_DENSITY
    told = []
    with undisturbed(), as_usual(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for make in (MaskedModule, SparseModule):
            try:
                told.append(_told(make, architecture, mask))
            except (MemoryError, KeyboardInterrupt):
                raise
            except Exception:  # a module that does with tensors what only tensors can do
                return False
    return all(np.allclose(one, other, rtol=1e-6, atol=1e-9) for one, other in zip(*told, strict=True))


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
