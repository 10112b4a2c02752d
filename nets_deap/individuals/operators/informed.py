"""Variation informed by the training of the parent's evaluation: what mattered there stays or comes.

The parent's evaluation is still `genome.measured` when DEAP hands a clone to a mutation. Its trained weights
are not: an evaluation keeps `traces` only, which say which genes to switch and never to what value.
"""

from __future__ import annotations

import numpy as np

from nets_deap.individuals.genome import Genome
from nets_deap.individuals.operators.density import Plan, fill, thin
from nets_deap.models.layout import Layout
from nets_deap.util.errors import NetsError


def mutPrune(
    individual: Genome, layout: Layout, plan: Plan, by: str = "magnitude", spare: float = 0.0
) -> tuple[Genome]:
    """In each layer the active genes of the smallest trace fall dormant, until as many are left as planned.

    by: a name in `traces.TRACES`; the parent's evaluation holds it
    spare: the share of the planned genes that is left free, for `mutGrow`

    The magnitudes of a trained network decide, as in IMP, and its weights are thrown away.
    Raises NetsError where the parent's evaluation has no such trace.
    """
    counts = plan(individual)
    return thin(individual, layout, counts - np.floor(spare * counts).astype(np.int64), trace(individual, by))


def mutGrow(individual: Genome, layout: Layout, plan: Plan, by: str = "gradient") -> tuple[Genome]:
    """In each layer the dormant genes of the largest trace awaken, until as many are active as planned.

    by: as for `mutPrune`. Source: RigL (Evci et al. 2020, section 3), between trainings and not in one.
    Raises NetsError where the parent's evaluation has no such trace.
    """
    return fill(individual, layout, plan(individual), trace(individual, by))


def trace(genome: Genome, name: str) -> np.ndarray:
    """float32[n], what the genome's or its parent's evaluation has left. Raises NetsError if it has not."""
    if genome.measured is None or name not in genome.measured.traces:
        raise NetsError(
            f"the genome's evaluation has no trace '{name}': give the Evaluator traces=('{name}',)"
        )
    return genome.measured.traces[name]
