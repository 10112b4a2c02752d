"""Many weight vectors of one architecture, scored on one minibatch: what evolution strategies ask for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from nets_deap.data.loading import Part
from nets_deap.models.architecture import INITIAL, Architecture
from nets_deap.networks.backends import make_stack
from nets_deap.networks.losses import sample_losses
from nets_deap.networks.stack import Stack
from nets_deap.problem.recipe import Recipe
from nets_deap.strategies.strategy import Point
from nets_deap.util.threads import one_thread

# Bytes of activations that are in flight at a time: on a CPU, more do not fit its caches
ACTIVATIONS = {"cpu": 2**24, "cuda": 2**30}


class Searched:
    """Which numbers of a network a search may move: the active weights and all biases, d in all.

    mask: bool[n]
    """

    def __init__(self, architecture: Architecture, mask: np.ndarray) -> None:
        self.architecture, self.mask = architecture, mask
        self.places = np.flatnonzero(np.concatenate([mask, np.ones(architecture.trained_extras, dtype=bool)]))
        self.active = int(mask.sum())

    def read(self, weights: np.ndarray, extras: np.ndarray = INITIAL) -> np.ndarray:
        """float64[d] of weights, float32[n], and extras, float32[m]."""
        both = np.concatenate([weights, self.architecture.or_initial(extras)])
        return both[self.places].astype(np.float64)

    def write(self, vectors: np.ndarray) -> np.ndarray:
        """float32[P, n + m] of vectors, float32[P, d]; what is pruned is zero."""
        whole = np.zeros((len(vectors), self.mask.size + self.architecture.trained_extras), dtype=np.float32)
        whole[:, self.places] = vectors
        return whole


class PopulationLoss:
    """The loss of each point on the samples of one minibatch, and DEAP's `toolbox.map` to it.

    part: training samples, on a device; batch: how many of them a generation sees, 0 for all
    Every call of the map is a generation: its points share a minibatch, drawn by `rng`.

    Scoring raises NetsError for an architecture that keeps statistics of batches.
    """

    def __init__(self, searched: Searched, part: Part, batch: int, rng: np.random.Generator) -> None:
        if part.x.ndim == 4:
            part = Part(part.x.contiguous(memory_format=torch.channels_last), part.y)
        self.searched, self.part, self.rng = searched, part, rng
        self.batch = min(batch or len(part.y), len(part.y))
        architecture = searched.architecture
        self.targets = architecture.targets(part.y, part.x.dtype)
        self.at_once = max(1, ACTIVATIONS[part.x.device.type] // (4 * self.batch * architecture.units))
        self._stacks: dict[int, Stack] = {}

    def _stack(self, count: int) -> Stack:
        if count not in self._stacks:
            architecture, mask = self.searched.architecture, self.searched.mask
            nothing = [np.zeros(mask.size, dtype=np.float32)] * count
            device = str(self.part.x.device)
            self._stacks[count] = make_stack(architecture, nothing, [mask] * count, Recipe(), device)
        return self._stacks[count]

    def losses(self, vectors: np.ndarray, chosen: np.ndarray | None = None) -> np.ndarray:
        """float64[P]: mean loss of each vector, float32[P, d], on the chosen samples, or on all."""
        x, targets = self.part.x, self.targets
        if chosen is not None:
            places = torch.from_numpy(chosen).to(x.device)
            x, targets = x[places], targets[places]
        found = []
        loss = self.searched.architecture.loss
        with one_thread(), torch.no_grad():
            for start in range(0, len(vectors), self.at_once):
                whole = torch.from_numpy(self.searched.write(vectors[start : start + self.at_once]))
                stack = self._stack(len(whole))
                stack.load(whole.to(x.device))
                outputs = stack.forward(x)
                wanted = targets.repeat(len(whole), 1)
                each = sample_losses(outputs.flatten(0, 1), wanted, loss).view(len(whole), -1)
                found.append(each.double().mean(dim=1).cpu().numpy())
        return np.nan_to_num(np.concatenate(found), nan=np.inf, posinf=np.inf)

    def __call__(self, point: Point) -> tuple[float]:
        """`toolbox.evaluate`: one point on all samples."""
        return (float(self.losses(point.vector[None])[0]),)

    def map(self, evaluate: Callable[[Point], object], points: Sequence[Point]) -> list[tuple[float]]:
        """`toolbox.map`: the whole population as a batch, on the next minibatch."""
        chosen = None
        if self.batch < len(self.part.y):
            chosen = self.rng.choice(len(self.part.y), self.batch, replace=False)
        vectors = np.stack([point.vector for point in points])
        return [(float(loss),) for loss in self.losses(vectors, chosen)]
