"""Random tickets: the control that every search has to beat."""

from __future__ import annotations

import numpy as np

from nets_deap.problem.problem import Problem
from nets_deap.problem.ticket import Ticket
from nets_deap.search.method import initial


def random_ticket(problem: Problem, active: int, rng: np.random.Generator) -> Ticket:
    """Fresh weights, and exactly `active` of them expressed, drawn uniformly from all layers together."""
    size = problem.layout.size
    mask = np.zeros(size, dtype=bool)
    mask[rng.choice(size, size=active, replace=False)] = True
    weights, extras = initial(problem, rng)
    return Ticket(weights, mask, problem.architecture, info={"method": "random"}, extras=extras)
