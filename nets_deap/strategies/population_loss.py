"""Score many weight vectors of one architecture on one minibatch, as evolution strategies need."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from nets_deap.data.dataset import Part
from nets_deap.models.architecture import Architecture
from nets_deap.models.layout import INITIAL
from nets_deap.networks.backends import make_stack
from nets_deap.networks.stack import Stack
from nets_deap.problem.recipe import Recipe
from nets_deap.strategies.strategy import Point
from nets_deap.util import memory
from nets_deap.util.threads import one_thread

# Bytes of activations in memory at a time; on a CPU, more would not fit into its caches
ACTIVATIONS, ON_GPU = 2**24, 2**30


class Searched:
    """The numbers of a network that a search may move: active weights and trained extras, d in all.

    mask: bool[n]; extras: float32[m], where the search begins; initial unless given
    """

    def __init__(self, architecture: Architecture, mask: np.ndarray, extras: np.ndarray = INITIAL) -> None:
        self.architecture, self.mask = architecture, mask
        self.extras = architecture.or_initial(extras)
        self.places = np.flatnonzero(np.concatenate([mask, np.ones(architecture.trained_extras, dtype=bool)]))
        self.active = int(mask.sum())

    def read(self, weights: np.ndarray) -> np.ndarray:
        """The searched numbers, float64[d], out of weights, float32[n], and the extras."""
        both = np.concatenate([weights, self.extras])
        return both[self.places].astype(np.float64)

    def write(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors of weights and trained extras, float32[P, n + t], from searched ones, float32[P, d];
        pruned weights are zero.
        """
        whole = np.zeros((len(vectors), self.mask.size + self.architecture.trained_extras), dtype=np.float32)
        whole[:, self.places] = vectors
        return whole


class PopulationLoss:
    """The loss of each point on one minibatch, with methods for DEAP's `toolbox.evaluate` and `toolbox.map`.

    part: training samples, on a device; batch: how many of them a generation sees, 0 for all
    Each call of `map` is one generation, whose points share a minibatch drawn by `rng`.

    Scoring raises NetsError for an architecture with batch normalisation, and if memory runs out.
    """

    def __init__(self, searched: Searched, part: Part, batch: int, rng: np.random.Generator) -> None:
        if part.x.ndim == 4:
            part = part._replace(x=part.x.contiguous(memory_format=torch.channels_last))
        self.searched, self.part, self.rng = searched, part, rng
        self.batch = min(batch or len(part.y), len(part.y))
        architecture = searched.architecture
        self.targets = architecture.targets(part.y, torch.float32)
        most = ACTIVATIONS if part.x.device.type == "cpu" else ON_GPU
        self.at_once = max(1, most // (4 * self.batch * architecture.known().units))
        self._stacks: dict[int, Stack] = {}

    def _stack(self, count: int) -> Stack:
        if count not in self._stacks:
            architecture, mask = self.searched.architecture, self.searched.mask
            nothing = [np.zeros(mask.size, dtype=np.float32)] * count
            self._stacks[count] = make_stack(
                architecture, nothing, [mask] * count, Recipe(), str(self.part.x.device),
                extras=self.searched.extras,
            )  # fmt: skip
        return self._stacks[count]

    @memory.told()
    def losses(self, vectors: np.ndarray, chosen: np.ndarray | None = None) -> np.ndarray:
        """float64[P]: mean loss of each vector, float32[P, d], on the chosen samples, or on all."""
        x, targets = self.part.x, self.targets
        if chosen is not None:
            places = torch.from_numpy(chosen).to(x.device)
            x, targets = x[places], targets[places]
        found = []
        loss = self.searched.architecture.criterion.loss
        with one_thread(), torch.no_grad():
            for start in range(0, len(vectors), self.at_once):
                whole = torch.from_numpy(self.searched.write(vectors[start : start + self.at_once]))
                stack = self._stack(len(whole))
                stack.load(whole.to(x.device))
                outputs = stack.forward(x)
                wanted = targets.repeat(len(whole), *[1] * (targets.ndim - 1))
                each = loss(outputs.flatten(0, 1), wanted).view(len(whole), -1)
                found.append(each.double().mean(dim=1).cpu().numpy())
        return np.nan_to_num(np.concatenate(found), nan=np.inf, posinf=np.inf)

    def __call__(self, point: Point) -> tuple[float]:
        """`toolbox.evaluate`: the loss of one point on all samples."""
        return (float(self.losses(point.vector[None])[0]),)

    def map(self, evaluate: Callable[[Point], object], points: Sequence[Point]) -> list[tuple[float]]:
        """`toolbox.map`: the losses of the whole population, as one stack, on the next minibatch."""
        chosen = None
        if self.batch < len(self.part.y):
            chosen = self.rng.choice(len(self.part.y), self.batch, replace=False)
        vectors = np.stack([point.vector for point in points])
        return [(float(loss),) for loss in self.losses(vectors, chosen)]
