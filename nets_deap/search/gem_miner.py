"""Gem-Miner: tickets that are good before training and after it (Sreenivasan et al. 2022, "Rare Gems")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor

from nets_deap.config.fields import MOST_KEPT
from nets_deap.models.layout import Layout
from nets_deap.networks.scored_module import ScoredModule
from nets_deap.pruning.allocation import active_weights, keep
from nets_deap.search.edge_popup import straight_through
from nets_deap.search.learned_masks import Beginning, StrongTickets
from nets_deap.search.method import Row
from nets_deap.util.errors import NetsError

# density -> penalty, in the authors' configurations for ResNet-20
PENALTIES = {0.5: 1e-8, 0.2: 1e-5, 0.05: 3e-5, 0.0372: 3e-5, 0.0144: 1e-4, 0.0059: 1e-4}


@dataclass(frozen=True)
class GemMiner(StrongTickets):
    """Scores from 0 to 1 are rounded to a mask, and now and then the lowest of all layers are frozen at 0.

    Sreenivasan et al. 2022, algorithm 1; defaults of the authors' code for ResNet-20 on CIFAR-10, which takes
    150 epochs and freezes after every fifth.

    rounds: parts of the search; the density falls geometrically between them, and in the last it stays
    penalty: of the sum of all squared scores; None: what they take at the density that is nearest (by
        ratio): 1e-8 at 50 %, 1e-5 at 20 %, 3e-5 at 5 and 3.7 %, 1e-4 at 1.4 and 0.6 %
    invert: freeze the highest scores instead: the paper's sanity check that scores mean something; its other
        two are the controls `reinit` and `shuffle`
    """

    called: ClassVar[str] = "gem-miner"
    largest: ClassVar[Mapping[str, int]] = {**StrongTickets.largest, "rounds": MOST_KEPT}

    rounds: int = 30
    penalty: float | None = None
    invert: bool = False

    def plan(self, layout: Layout, density: float) -> list[int]:
        """The weights left after each freezing."""
        if self.rounds < 2:
            raise NetsError(f"gem-miner: rounds={self.rounds}: expected 2 or more: it freezes between them")
        if self.penalty is not None and not 0 <= self.penalty < np.inf:
            raise NetsError(f"gem-miner: penalty={self.penalty:g}: expected 0 or more")
        share, freezings = active_weights(layout, density) / layout.size, self.rounds - 1
        return [round(layout.size * share ** (i / freezings)) for i in range(1, self.rounds)]

    def penalty_at(self, density: float) -> float:
        if self.penalty is not None:
            return self.penalty
        return PENALTIES[min(PENALTIES, key=lambda theirs: abs(np.log(theirs / density)))]

    def network(self, given: Beginning) -> Gems:
        plan = self.plan(given.architecture.layout, given.density)
        scores = given.rng.random(given.weights.size, dtype=np.float32)
        return Gems(given, scores, self, freezings(plan, given.recipe.iterations or 0))

    def ticket_mask(self, network: ScoredModule, density: float) -> np.ndarray:
        """What is not frozen; rounded scores of 0 among it count as the ticket's, as in the fine-tuning."""
        gems = cast(Gems, network)
        return gems.highest(active_weights(network.architecture.layout, density))

    def rows(self, network: ScoredModule) -> list[Row]:
        return cast(Gems, network).rows


def freezings(plan: Sequence[int], steps: int) -> dict[int, int]:
    """Step -> weights left after it: evenly over the steps, and none after the last of them."""
    return {max(1, i * steps // (len(plan) + 1)): left for i, left in enumerate(plan, start=1)}


class Gems(ScoredModule):
    """The network of the scores above one half that are not frozen.

    freezings: step -> weights left after it
    alive: bool[n], what is not frozen; rows: one per freezing
    """

    def __init__(
        self, given: Beginning, scores: np.ndarray, options: GemMiner, freezings: Mapping[int, int]
    ) -> None:
        super().__init__(given.architecture, given.weights, scores, given.recipe, given.extras, given.device)
        self.options, self.freezings = options, freezings
        self.penalty = options.penalty_at(given.density)
        self.alive = np.ones(scores.size, dtype=bool)
        self.done = 0
        self.rows: list[Row] = []

    def mask(self, scores: Tensor) -> Tensor:
        rounded = (scores.detach() > 0.5).to(scores.dtype)
        return straight_through(rounded, scores) * torch.from_numpy(self.alive).to(scores.device)

    def loss(self, outputs: Tensor, targets: Tensor, x: Tensor, scores: Tensor) -> Tensor:
        return super().loss(outputs, targets, x, scores) + self.penalty * scores.square().sum()

    def stepped(self) -> None:
        self.flat.clamp_(0, 1)
        self.done += 1
        if self.done in self.freezings:
            self.alive = self.highest(self.freezings[self.done])
            self.rows.append({"step": self.done, "density": float(self.alive.mean())})

    def kept(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        arrays, told = super().kept()
        return arrays | {"alive": self.alive.copy()}, told | {"rows": [*self.rows]}

    def go_on(self, step: int, arrays: dict[str, np.ndarray], told: dict[str, Any]) -> None:
        super().go_on(step, arrays, told)
        self.alive, self.rows, self.done = arrays["alive"].copy(), [*told["rows"]], step

    def highest(self, left: int) -> np.ndarray:
        """bool[n]: so many of what is not frozen yet, by their scores."""
        scores = -self.scores() if self.options.invert else self.scores()
        return keep(self.architecture.layout, scores, self.alive, left)
