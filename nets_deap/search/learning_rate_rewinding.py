"""Learning-rate rewinding: iterative magnitude pruning that keeps the trained weights (Renda et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from nets_deap.problem.problem import Problem
from nets_deap.pruning.allocation import GLOBAL
from nets_deap.search.cycles import State
from nets_deap.search.imp import IMP


@dataclass(frozen=True)
class LearningRateRewinding(IMP):
    """In each cycle: train, prune the smallest weights of all layers together, rewind the learning rate.

    What is left of the trained weights is trained again, by the whole schedule of the learning rate: Renda et
    al. 2020, whose algorithm prunes 20 % a cycle. The optimiser begins anew. The cycles are the search; the
    last retraining is the training to the end, by the same code and as long as that of any ticket. It begins
    with trained weights, so the result is a trained network and no ticket.

    rewind, rewind_epochs, rewind_share: here, where in its schedule the learning rate goes back to; 0 is its
        beginning, as in the paper's algorithm. Retraining is shorter by as much
    The other options are those of IMP.
    """

    name: ClassVar[str] = "lrr"
    rewinds_weights: ClassVar[bool] = False
    gives_ticket: ClassVar[bool] = False

    scope: str | None = GLOBAL

    def info(self, problem: Problem, state: State) -> dict[str, Any]:
        return super().info(problem, state) | {"trained": True}
