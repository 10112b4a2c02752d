"""Mutations and crossovers by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from nets_deap.individuals import operators as ops
from nets_deap.individuals.genome import Genome
from nets_deap.individuals.operators.density import Plan
from nets_deap.models.layout import Layout
from nets_deap.pruning import traces
from nets_deap.util.errors import NetsError, unknown

# What informed mutations can rank genes by: all but a yes or no
TRACES = tuple(name for name in traces.TRACES if name != "flipped")
# Of them, those that say something of dormant genes, which only gradients do
OF_DORMANT = tuple(traces.GRADIENTS)


@dataclass(frozen=True)
class Kit:
    """What mutations are made of.

    std: float32[n], of the initial weights; plan: how many active genes each layer should have
    parents: the population that is varied; target: the density that a run is for
    adapt: width of the log-normal steps by which rates evolve themselves; 0: they stay
    """

    layout: Layout
    std: np.ndarray
    plan: Plan
    rng: np.random.Generator | None
    parents: Sequence[Genome] = ()
    target: float = 0.2
    adapt: float = 0.0


@dataclass(frozen=True)
class Mutation:
    """A line of MUTATIONS.

    rate:   its one number unless another is given, or the config field that holds it; None: it has none
    most:   the largest rate allowed
    by:     the trace it goes by unless another is named; "" for a mutation that is not informed
    traces: what it can go by
    exact:  it goes by the plan: what has such a mutation ends at the planned density
    build:  (kit, rate, by) -> a mutation of one genome
    """

    says: str
    build: Callable[[Kit, float, str], Callable[[Genome], tuple[Genome]]]
    rate: float | str | None = None
    most: float = 1.0
    by: str = ""
    traces: tuple[str, ...] = TRACES
    exact: bool = False


MUTATIONS: dict[str, Mutation] = {
    "noise": Mutation(
        "add N(0, σ²) to this share of the weights",
        lambda kit, rate, by: partial(ops.mutGaussianNoise, indpb=rate, sigma=kit.std, rng=kit.rng),
        rate="noise",
    ),
    "resample": Mutation(
        "draw this share of the weights anew",
        lambda kit, rate, by: partial(ops.mutResampleWeights, indpb=rate, std=kit.std, rng=kit.rng),
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
    ),
    "density": Mutation(
        "lower the planned density, by a log-normal step of this width",
        lambda kit, rate, by: partial(ops.mutDensity, least=kit.target, sigma=rate, rng=kit.rng),
        rate=0.5,
        most=10.0,
    ),
    "reorder": Mutation(
        "draw minibatches of its own for the evaluations to come",
        lambda kit, rate, by: partial(ops.mutReorder, rng=kit.rng),
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
MATES = ("uniform", "mask", "none")


@dataclass(frozen=True)
class Step:
    """One mutation as a person names it: NAME[-TRACE][:RATE]; rate None: the default."""

    name: str
    by: str
    rate: float | None

    def __str__(self) -> str:
        mutation = MUTATIONS[self.name]
        suffix = f"-{self.by}" if self.by != mutation.by else ""
        return f"{self.name}{suffix}" + (f":{self.rate:g}" if self.rate is not None else "")

    def resolved_rate(self, config: Any) -> float:
        """The rate, from the config's field where that says it."""
        default = MUTATIONS[self.name].rate
        if self.rate is not None:
            return self.rate
        return float(getattr(config, default)) if isinstance(default, str) else float(default or 0.0)


@dataclass(frozen=True)
class Pipeline:
    """Mutations applied one after another."""

    steps: tuple[Step, ...] = field(default_factory=tuple)

    def __str__(self) -> str:
        return ",".join(map(str, self.steps))

    @property
    def traces(self) -> tuple[str, ...]:
        """What the evaluations have to leave."""
        return tuple(dict.fromkeys(step.by for step in self.steps if step.by))

    @property
    def exact(self) -> bool:
        """Does it end at the planned density?"""
        return any(MUTATIONS[step.name].exact for step in self.steps)

    @property
    def evolves_density(self) -> bool:
        """Do genomes carry densities of their own?"""
        return any(step.name == "density" for step in self.steps)

    def with_density(self) -> Pipeline:
        """The same, led by a mutation of the density unless it has one."""
        return self if self.evolves_density else Pipeline((Step("density", "", None), *self.steps))

    def build(self, kit: Kit, config: Any) -> list[Callable[[Genome], tuple[Genome]]]:
        """The mutations, those of rate 0 left out."""
        built = []
        for place, step in enumerate(self.steps):
            mutation, rate = MUTATIONS[step.name], step.resolved_rate(config)
            if kit.adapt and rate > 0:
                built.append(_adaptive(kit, place, step, rate))
            elif mutation.rate is None or rate > 0 or mutation.by:
                built.append(mutation.build(kit, rate, step.by))
        if self.exact and not any(step.name in ("grow", "repair") for step in self.steps):
            built.append(MUTATIONS["repair"].build(kit, 0.0, ""))  # a layer's share may have grown
        return built


def _adaptive(kit: Kit, place: int, step: Step, rate: float) -> Callable[[Genome], tuple[Genome]]:
    """The mutation at a rate that evolves, from this one on."""
    mutation = MUTATIONS[step.name]

    def at(genome: Genome, rate: float) -> tuple[Genome]:
        return mutation.build(kit, rate, step.by)(genome)

    least = min(rate, 1 / kit.std.size)  # one gene in all (Bäck 1996, section 7.3)
    return partial(
        ops.mutRate,
        mutate=at,
        name=f"rate {place + 1}, of {step.name}",
        start=rate,
        least=least,
        most=mutation.most,
        tau=kit.adapt,
        rng=kit.rng,
    )


def parse(text: str) -> Pipeline:
    """The pipeline that `text` names: NAME[-TRACE][:RATE], separated by commas (or slashes).

    Raises NetsError for anything unknown in it.
    """
    pieces = [piece.strip() for piece in text.replace("/", ",").split(",") if piece.strip()]
    return Pipeline(tuple(map(_step, pieces)))


def _step(piece: str) -> Step:
    named, colon, number = piece.partition(":")
    name, by = _named(named)
    mutation = MUTATIONS[name]
    if not colon:
        return Step(name, by, None)
    if mutation.rate is None:
        raise NetsError(f"`mutate` {piece}: {name} takes no number")
    try:
        rate = float(number)
    except ValueError:
        raise NetsError(f"`mutate` {piece}: '{number}' is not a number") from None
    if not 0 <= rate <= mutation.most:
        raise NetsError(f"`mutate` {piece}: expected a number from 0 to {mutation.most:g}")
    return Step(name, by, rate)


def _named(named: str) -> tuple[str, str]:
    """The mutation and the trace that `named` names."""
    if named in MUTATIONS:
        return named, MUTATIONS[named].by
    for name, mutation in MUTATIONS.items():
        if mutation.by and named.startswith(f"{name}-"):
            by = named.removeprefix(f"{name}-")
            if by not in mutation.traces:
                raise unknown(f"trace for {name}", by, mutation.traces)
            return name, by
    raise unknown("mutation", named, MUTATIONS)
