"""Mutations informed by the parent's evaluation: genes that mattered in its training stay or awaken.

When DEAP hands a clone to a mutation, `genome.measured` is still the parent's evaluation. It holds no trained
weights, only `traces`: they say which genes to switch, never what value a weight should have.
"""

from __future__ import annotations

import numpy as np

from nets_deap.individuals.genome import Genome
from nets_deap.individuals.operators.density import LAYERS, Plan, factors_of, fill, thin
from nets_deap.models.layout import Layout
from nets_deap.pruning.allocation import keep
from nets_deap.util.errors import NetsError


def mutPrune(
    individual: Genome, layout: Layout, plan: Plan, by: str = "magnitude", spare: float = 0.0
) -> tuple[Genome]:
    """In each layer, switch off the active genes of smallest trace until the planned number is left.

    by: a name in `pruning.traces.TRACES`, which the parent's evaluation must have recorded
    spare: share of the planned genes that stays free for `mutGrow`

    By magnitude, the trained weights decide as in IMP, and are then thrown away.
    Raises NetsError if the parent's evaluation has no such trace.
    """
    counts = plan(individual)
    return thin(individual, layout, counts - np.floor(spare * counts).astype(np.int64), trace(individual, by))


def mutGlobal(individual: Genome, layout: Layout, plan: Plan, by: str = "magnitude") -> tuple[Genome]:
    """Plan for each layer as many genes as it would keep if the active genes of all layers competed.

    The best gene of each layer is kept whatever the others have. This changes only the plan, as `mutLayers`
    does. `mutPrune` by the same trace then prunes globally.

    A layer without active genes is planned one. If more genes are planned than are active, the layers keep
    the shares that they have; without any active gene the plan stays.

    by: as for `mutPrune`. Source: the choice is that of global magnitude pruning (Frankle & Carbin 2019,
    section 4); that the layers' shares are inherited is ours.
    Raises NetsError if the parent's evaluation has no such trace.
    """
    scores, active, planned = trace(individual, by), individual.mask, int(plan(individual).sum())
    total = min(planned, int(active.sum()))
    if not total:
        return (individual,)
    best = keep(layout, scores, active, np.array([min(1, part.sum()) for _, part in layout.split(active)]))
    left = best | keep(layout, scores, active & ~best, total - int(best.sum()))
    shares = [max(1, int(part.sum())) / part.size for _, part in layout.split(left)]
    individual.traits[LAYERS] = factors_of(layout, np.array(shares), planned)
    return (individual,)


def mutGrow(individual: Genome, layout: Layout, plan: Plan, by: str = "gradient") -> tuple[Genome]:
    """In each layer, awaken the dormant genes of largest trace until the planned number is active.

    by: as for `mutPrune`. Source: RigL (Evci et al. 2020, section 3), here between trainings, not during one.
    Raises NetsError if the parent's evaluation has no such trace.
    """
    return fill(individual, layout, plan(individual), trace(individual, by))


def trace(genome: Genome, name: str) -> np.ndarray:
    """float32[n], a trace of the genome's or its parent's evaluation. Raises NetsError if there is none."""
    if genome.measured is None or name not in genome.measured.traces:
        raise NetsError(
            f"the genome's evaluation has no trace '{name}': give the Evaluator traces=('{name}',)"
        )
    return genome.measured.traces[name]
