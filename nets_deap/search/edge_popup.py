"""Edge-popup: strong tickets, found by training a score of each weight (Ramanujan et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from nets_deap.models.layout import Layout
from nets_deap.networks.scored_module import ScoredModule
from nets_deap.pruning.allocation import allocate, keep
from nets_deap.search.learned_masks import Beginning, StrongTickets
from nets_deap.util.errors import NetsError

Counts = np.ndarray | int  # as `keep` takes them


@dataclass(frozen=True)
class EdgePopup(StrongTickets):
    """Each layer keeps the weights of its highest |scores|; gradients pass straight through that choice.

    Ramanujan et al. 2020, section 3 (equations 2 to 5). The score's absolute value, its initial distribution
    and the defaults are those of the authors' code for Conv-2 on CIFAR-10, which takes 100 epochs. It has
    settings with scaled constants and without (its ResNets: without, and a weight decay of 5e-4); scaled ones
    are the default here, because densities here are low.

    scaled: the constants are divided by √density, so that the masked network has the variance of a dense one,
        as in the paper; the authors' code divides by √(1 − density)
    allocation: "uniform", the same density in every layer, as in the paper; "erk", "global", or densities
    """

    called: ClassVar[str] = "edge-popup"

    optimizer: str = "momentum:weight_decay=0.0001"
    allocation: str | Sequence[float] = "uniform"
    scaled: bool = True

    def _check_options(self) -> None:
        super()._check_options()
        if self.scaled and not self.signed:
            raise NetsError("edge-popup: scaled=yes is for signed weights: give scaled=no with signed=no")

    def expected_density(self, density: float) -> float:
        return density if self.scaled else 1.0

    def plan(self, layout: Layout, density: float) -> Counts:
        """How many weights are kept, in each layer or in all."""
        return allocate(layout, density, self.allocation)

    def network(self, given: Beginning) -> TopScores:
        layout = given.architecture.layout
        return TopScores(given, first_scores(layout, given.rng), self.plan(layout, given.density))

    def ticket_mask(self, network: ScoredModule, density: float) -> np.ndarray:
        scores = np.abs(network.scores())
        layout = network.architecture.layout
        return keep(layout, scores, np.ones(scores.size, dtype=bool), self.plan(layout, density))


def first_scores(layout: Layout, rng: np.random.Generator) -> np.ndarray:
    """float32[n]: uniform from −1/√inputs to 1/√inputs, as torch draws the weights of a layer."""
    parts = [
        rng.uniform(-1, 1, size) / np.sqrt(size // shape[0] if len(shape) > 1 else size)
        for shape, size in zip(layout.shapes, layout.sizes, strict=True)
    ]
    return np.concatenate(parts).astype(np.float32)


class TopScores(ScoredModule):
    """The network of the highest |scores|: `counts` of each layer, int64[layers], or of all."""

    def __init__(self, given: Beginning, scores: np.ndarray, counts: Counts) -> None:
        super().__init__(given.architecture, given.weights, scores, given.recipe, given.extras, given.device)
        self.counts = counts

    def mask(self, scores: Tensor) -> Tensor:
        size = scores.abs()
        return straight_through(top(self.architecture.layout, size.detach(), self.counts), size)


def straight_through(chosen: Tensor, relaxed: Tensor) -> Tensor:
    """The values of one tensor with the gradient of the other (Bengio et al. 2013, section 4)."""
    return chosen + (relaxed - relaxed.detach())


def top(layout: Layout, scores: Tensor, counts: Counts) -> Tensor:
    """float[n]: 1 for the highest scores, 0 for the others."""
    parts = [scores] if isinstance(counts, int) else [part.flatten() for _, part in layout.split(scores)]
    chosen = [torch.zeros_like(part) for part in parts]
    for part, of_it, count in zip(parts, chosen, np.atleast_1d(counts), strict=True):
        of_it[torch.topk(part, int(count), sorted=False).indices] = 1
    return torch.cat(chosen)
