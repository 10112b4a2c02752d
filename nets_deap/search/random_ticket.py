"""Random tickets: the control that every search has to beat."""

from __future__ import annotations

import numpy as np

from nets_deap.models.initialisers import draw
from nets_deap.problem.problem import Problem
from nets_deap.problem.ticket import Ticket


def random_ticket(problem: Problem, active: int, rng: np.random.Generator) -> Ticket:
    """Fresh weights, and exactly `active` of them expressed, drawn uniformly from all layers together."""
    std = problem.initial_std()
    mask = np.zeros(std.size, dtype=bool)
    mask[rng.choice(std.size, size=active, replace=False)] = True
    return Ticket(draw(std, rng), mask, problem.architecture, info={"method": "random"})
