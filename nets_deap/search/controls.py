"""Controls for any ticket: which of its properties matter?

All but `dense` keep its density; all but `dense`, `imp`, `lineage` and `random` that of each layer, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from nets_deap.config.presets import BEST_SEARCH
from nets_deap.models.layout import INITIAL
from nets_deap.problem.budget import Budget, Cost
from nets_deap.problem.problem import Problem
from nets_deap.problem.ticket import Ticket
from nets_deap.search.cycles import State
from nets_deap.search.imp import IMP
from nets_deap.search.method import initial
from nets_deap.search.neuroevolution import Nets
from nets_deap.search.permuted import aligned
from nets_deap.search.random_ticket import random_ticket
from nets_deap.util.errors import NetsError

Control = Callable[[Ticket, Problem, np.random.Generator], Ticket]


def _with(
    ticket: Ticket,
    problem: Problem,
    name: str,
    weights: np.ndarray,
    mask: np.ndarray,
    extras: np.ndarray = INITIAL,
) -> Ticket:
    """extras: of fresh weights; INITIAL leaves them as they are, unless they were rewound with other
    weights
    """
    info = {"method": f"{ticket.info.get('method', 'ticket')}+{name}"}
    if "rewind" in ticket.info and np.array_equal(np.abs(weights), np.abs(ticket.weights)):
        # The weights are still those of step k, whatever their signs.
        info["rewind"] = ticket.info["rewind"]
    if not extras.size:
        moved = "rewind" in ticket.info and "rewind" not in info
        extras = problem.architecture.initial_extras if moved else ticket.extras
    return replace(ticket, weights=weights, mask=mask, info=info, extras=extras)


def reinit(ticket: Ticket, problem: Problem, rng: np.random.Generator) -> Ticket:
    """The mask with fresh weights (Frankle & Carbin 2019, section 2)."""
    weights, extras = initial(problem, rng)
    return _with(ticket, problem, "reinit", weights, ticket.mask, problem.architecture.or_initial(extras))


def signs(ticket: Ticket, problem: Problem, rng: np.random.Generator) -> Ticket:
    """The mask and the weights' signs, with fresh magnitudes (Zhou et al. 2019, section 3)."""
    fresh = reinit(ticket, problem, rng)
    weights = np.copysign(fresh.weights, ticket.weights)
    return _with(ticket, problem, "signs", weights, ticket.mask, fresh.extras)


def permuted(ticket: Ticket, problem: Problem, rng: np.random.Generator) -> Ticket:
    """Fresh weights, and the mask with its units in the order of theirs; see `permuted.aligned`.

    What its two trainings take is not counted as cost of the search.
    """
    found = aligned(ticket, problem, rng)
    made = _with(ticket, problem, "permuted", *found)
    return replace(made, info=made.info | {k: v for k, v in ticket.info.items() if k == "rewind"})


def shuffle(ticket: Ticket, problem: Problem, rng: np.random.Generator) -> Ticket:
    """The mask permuted within each layer, with the same weights (Frankle et al. 2021, section 5)."""
    parts = [rng.permutation(part.ravel()) for _, part in ticket.layout.split(ticket.mask)]
    return _with(ticket, problem, "shuffle", ticket.weights, np.concatenate(parts))


def random(ticket: Ticket, problem: Problem, rng: np.random.Generator) -> Ticket:
    """Fresh weights, and a random mask over all layers with as many active weights as the ticket."""
    drawn = random_ticket(problem, int(ticket.mask.sum()), rng)
    return _with(ticket, problem, "random", drawn.weights, drawn.mask, drawn.extras)


def scale_matched(ticket: Ticket, problem: Problem, rng: np.random.Generator) -> Ticket:
    """A random mask of the same layer densities, and random weights on the scale of the ticket's active
    weights in each layer (their root mean square): only scale and densities are kept."""
    weights, masks = [], []
    split = zip(ticket.layout.split(ticket.weights), ticket.layout.split(ticket.mask), strict=True)
    for (_, part), (_, alive) in split:
        active = part[alive]
        std = float(np.sqrt(np.mean(np.square(active, dtype=np.float64)))) if active.size else 0.0
        weights.append(rng.normal(0, std, part.size).astype(np.float32))
        masks.append(rng.permutation(alive.ravel()))
    return _with(ticket, problem, "scale-matched", np.concatenate(weights), np.concatenate(masks))


def dense(ticket: Ticket, problem: Problem, rng: np.random.Generator) -> Ticket:
    """The ticket's weights with nothing pruned: do they make the dense network better too?"""
    return _with(ticket, problem, "dense", ticket.weights, np.ones_like(ticket.mask))


def imp(ticket: Ticket, problem: Problem, rng: np.random.Generator) -> Ticket:
    """The ticket's weights, pruned again by IMP: do they make IMP better too?

    A cycle trains for one epoch, or with full batches for a whole training. Its cost is not counted as cost
    of the search.
    """
    start = State(
        0, ticket.weights, np.ones_like(ticket.mask), int(rng.integers(2**63)), [], Cost(), ticket.extras
    )
    found = IMP(epochs=1 if problem.recipe.batch_size else None)(
        problem, Budget(), rng, float(ticket.mask.mean()), start
    )
    return _with(ticket, problem, "imp", ticket.weights, found.ticket.mask)


def lineage(ticket: Ticket, problem: Problem, rng: np.random.Generator) -> Ticket:
    """The ticket's weights, pruned again by a single lineage of the best search, in as many steps as `imp`.

    The counterpart of `imp`: the other search from the same weights, with its ERK layer densities, its harder
    evaluations, and its flips to the signs that training has found. Its cost is not counted either.
    """
    if ticket.mask.all():
        return _with(ticket, problem, "lineage", ticket.weights, ticket.mask)
    density = float(ticket.mask.mean())
    start = ticket.weights, ticket.extras
    found = lineage_search(problem, density)(problem, Budget(), rng, density, start)
    return _with(ticket, problem, "lineage", found.ticket.weights, found.ticket.mask)


def lineage_search(problem: Problem, density: float) -> Nets:
    """One evaluation per cycle of IMP, of the same length; at least two, as the last prunes nothing."""
    cycles = len(IMP().plan(problem.layout, density))
    best = {name: BEST_SEARCH[name] for name in ("mutate", "mate", "lr_factor", "input_dropout")}
    options = {"pop": 1, "gens": max(1, cycles - 1), "init_density": 1.0, "reevaluate": False}
    recipe, samples = problem.recipe, len(problem.data.train.y)
    steps = recipe.steps_per_epoch(samples) if recipe.batch_size else recipe.steps(samples)
    return Nets(options=best | options | {"iterations": steps})


CONTROLS: dict[str, Control] = {
    "dense": dense,
    "imp": imp,
    "lineage": lineage,
    "permuted": permuted,
    "random": random,
    "reinit": reinit,
    "shuffle": shuffle,
    "signs": signs,
    "scale-matched": scale_matched,
}


def check(name: str, problem: Problem) -> None:
    """Raise NetsError, before anything runs, for a control that a network cannot have."""
    if name == "permuted" and problem.architecture.known().nodes is None:
        raise NetsError(
            f"+permuted: the units and channels of {problem.arch_name} cannot be followed from layer to "
            "layer, so there are none to match: take +reinit"
        )
