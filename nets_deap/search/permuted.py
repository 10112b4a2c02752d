"""A ticket's mask for other initial weights, its units matched to theirs (Adnan et al. 2025)."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from nets_deap.models.reordering import reordered
from nets_deap.networks.matching import Trained, matched
from nets_deap.problem.budget import UNLIMITED, Meter
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.problem.ticket import Ticket
from nets_deap.search.method import initial, train_within
from nets_deap.training.final import rewound_to, to_go

SAMPLES = 1000  # of the training set, on which activations are compared


class Aligned(NamedTuple):
    """Other weights, float32[n], with the mask that the ticket has for them, and their extras, float32[m]."""

    weights: np.ndarray
    mask: np.ndarray
    extras: np.ndarray


def aligned(ticket: Ticket, problem: Problem, rng: np.random.Generator) -> Aligned:
    """Train the ticket's weights and fresh ones to the end, both dense; match their units by activations;
    give the mask of each unit to the one that it matches.

    The fresh weights are those of the same training step as the ticket's, 0 unless it was rewound.
    Raises NetsError for a network whose units cannot be told.
    """
    architecture, data = problem.architecture, problem.data_on_device
    everything, available = np.ones_like(ticket.mask), len(data.train.y)
    seed, k = int(rng.integers(2**63)), rewound_to(ticket)
    fresh, extras = initial(problem, rng)

    def trained(recipe: Recipe, weights: np.ndarray, extras: np.ndarray, steps: int) -> Trained:
        arguments = (Meter(UNLIMITED), architecture, weights, everything, recipe, data.train)
        reached = train_within(*arguments, np.random.default_rng(seed), steps, extras=extras)
        return reached.weights(), reached.extras()

    rest, whole = to_go(problem, ticket).recipe, problem.recipe.steps(available)
    ours = trained(rest, ticket.weights, ticket.extras, rest.steps(available))
    theirs = trained(problem.recipe, fresh, extras, whole)
    chosen = np.random.default_rng(seed).permutation(available)[:SAMPLES]
    order = matched(architecture, ours, theirs, data.train.x[chosen].cpu())
    if k:
        fresh, extras = trained(replace(problem.recipe, whole=whole), fresh, extras, k)
    return Aligned(fresh, reordered(architecture, ticket.mask, order), architecture.or_initial(extras))
