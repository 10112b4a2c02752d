"""The mutations by name, and how they are built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from nets_deap.individuals import operators as ops
from nets_deap.individuals.genome import Genome
from nets_deap.individuals.operators.density import Plan
from nets_deap.models.layout import Layout
from nets_deap.pruning import traces

# Traces that informed mutations can rank genes by: all but the one that is only 0 or 1
TRACES = tuple(name for name in traces.TRACES if name != "flipped")
# The traces among them that also rank dormant genes: only gradients do
OF_DORMANT = tuple(traces.GRADIENTS)


@dataclass(frozen=True)
class Kit:
    """What `Mutation.build` needs to make a mutation.

    std: float32[n], standard deviations of the initial weights; drawing: what draws them
    plan: how many active genes each layer should have
    parents: the population that is varied; target: the target density of the run
    adapt: width of the log-normal steps by which the rates adapt themselves; 0: fixed rates
    """

    layout: Layout
    std: np.ndarray
    drawing: Any
    plan: Plan
    rng: np.random.Generator | None
    parents: Sequence[Genome] = ()
    target: float = 0.2
    adapt: float = 0.0


@dataclass(frozen=True)
class Mutation:
    """An entry of MUTATIONS.

    rate:   its default number, or the config field that holds it; None: it takes no number
    most:   the largest rate allowed
    by:     its default trace; "" for a mutation that is not informed
    traces: the traces that it can use
    exact:  it follows the plan: a pipeline with such a mutation ends at the planned density
    plans:  it changes the plan and moves no gene
    build:  (kit, rate, by) -> a mutation of one genome
    """

    says: str
    build: Callable[[Kit, float, str], Callable[[Genome], tuple[Genome]]]
    rate: float | str | None = None
    most: float = 1.0
    by: str = ""
    traces: tuple[str, ...] = TRACES
    exact: bool = False
    plans: bool = False


MUTATIONS: dict[str, Mutation] = {
    "noise": Mutation(
        "add N(0, σ²) to this share of the weights",
        lambda kit, rate, by: partial(ops.mutGaussianNoise, indpb=rate, sigma=kit.std, rng=kit.rng),
        rate="noise",
    ),
    "resample": Mutation(
        "draw this share of the weights anew",
        lambda kit, rate, by: partial(ops.mutResampleWeights, indpb=rate, std=kit.drawing, rng=kit.rng),
        rate="resample",
    ),
    "dormancy": Mutation(
        "switch this share of the genes off",
        lambda kit, rate, by: partial(ops.mutDormancy, indpb=rate, rng=kit.rng),
        rate="dormancy",
    ),
    "awaken": Mutation(
        "switch this share of the genes on",
        lambda kit, rate, by: partial(ops.mutAwaken, indpb=rate, rng=kit.rng),
        rate="resolved_awaken",
    ),
    "swap": Mutation(
        "switch this share of the active genes off and as many dormant ones on",
        lambda kit, rate, by: partial(ops.mutSwap, indpb=rate, rng=kit.rng),
        rate=0.02,
    ),
    "layers": Mutation(
        "move density between layers, by log-normal steps of this width",
        lambda kit, rate, by: partial(ops.mutLayers, layers=len(kit.layout.sizes), sigma=rate, rng=kit.rng),
        rate=0.2,
        most=10.0,
        plans=True,
    ),
    "density": Mutation(
        "lower the planned density, by a log-normal step of this width",
        lambda kit, rate, by: partial(ops.mutDensity, least=kit.target, sigma=rate, rng=kit.rng),
        rate=0.5,
        most=10.0,
        plans=True,
    ),
    "reorder": Mutation(
        "draw minibatches of its own for the evaluations to come",
        lambda kit, rate, by: partial(ops.mutReorder, rng=kit.rng),
    ),
    "global": Mutation(
        "plan for each layer what it would keep if the active genes of all layers competed",
        lambda kit, rate, by: partial(ops.mutGlobal, layout=kit.layout, plan=kit.plan, by=by),
        by="magnitude",
        plans=True,
    ),
    "prune": Mutation(
        "the smallest fall dormant, to the planned density; this share is left free for grow",
        lambda kit, rate, by: partial(ops.mutPrune, layout=kit.layout, plan=kit.plan, by=by, spare=rate),
        rate=0.0,
        by="magnitude",
        exact=True,
    ),
    "grow": Mutation(
        "the largest dormant ones awaken, to the planned density",
        lambda kit, rate, by: partial(ops.mutGrow, layout=kit.layout, plan=kit.plan, by=by),
        by="gradient",
        traces=OF_DORMANT,
        exact=True,
    ),
    "flip": Mutation(
        "flip the signs that training has changed",
        lambda kit, rate, by: partial(ops.mutFlip, by=by),
        by="flipped",
    ),
    "repair": Mutation(
        "switch genes on or off at random, to the planned density",
        lambda kit, rate, by: partial(ops.repairDensity, layout=kit.layout, plan=kit.plan, rng=kit.rng),
        exact=True,
    ),
    "gains": Mutation(
        "scale each layer's weights, by log-normal steps of this width",
        lambda kit, rate, by: partial(ops.mutGains, layout=kit.layout, sigma=rate, rng=kit.rng),
        rate=0.1,
        most=10.0,
    ),
    "fan-in": Mutation(
        "scale each unit's weights to its active fan-in",
        lambda kit, rate, by: partial(ops.mutFanIn, layout=kit.layout, std=kit.std),
    ),
    "differential": Mutation(
        "add this multiple of the difference of two other genomes' weights",
        lambda kit, rate, by: partial(ops.mutDifferential, population=kit.parents, scale=rate, rng=kit.rng),
        rate=0.5,
        most=10.0,
    ),
    "signs": Mutation(
        "flip the sign of this share of the weights",
        lambda kit, rate, by: partial(ops.mutSigns, indpb=rate, rng=kit.rng),
        rate=0.01,
    ),
}
