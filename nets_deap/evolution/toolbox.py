"""The DEAP toolbox that settings describe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial, singledispatch
from typing import Any

import numpy as np
from deap import base, tools

from nets_deap.evolution import racing, selection
from nets_deap.evolution.context import Clock
from nets_deap.evolution.density_schedule import SharedPlan
from nets_deap.evolution.evaluator import Evaluator
from nets_deap.evolution.fitness import DensityPenalty, load_fitness
from nets_deap.evolution.islands import Mating
from nets_deap.evolution.maps import Engine, EvaluationMap
from nets_deap.evolution.mutations import Kit
from nets_deap.evolution.settings import EvolutionSettings, EvolveConfig
from nets_deap.individuals.evaluation import ParetoFitness
from nets_deap.individuals.genome import Genome, initGenome
from nets_deap.individuals.operators.density import (
    DENSITY,
    LAYERS,
    cxMask,
    factors_of,
    planned_counts,
    repairDensity,
)
from nets_deap.individuals.operators.paper import Mutation, cxUniformGene, mutSequence
from nets_deap.parallel.serial import SerialMap
from nets_deap.problem.problem import Problem
from nets_deap.pruning.allocation import active_weights
from nets_deap.pruning.at_initialisation import SEEDINGS, Pruning
from nets_deap.util.errors import NetsError
from nets_deap.util.random_streams import as_generator


@singledispatch
def make_toolbox(
    problem: Problem | EvolveConfig,
    settings: EvolutionSettings,
    engine: Engine | None = None,
    rng: np.random.Generator | None = None,
    seed: int = 1,
) -> base.Toolbox:
    """A DEAP toolbox with individual, population, evaluate, mate, mutate, select and map registered.

    problem: the problem to find a ticket for; its recipe is that of an evaluation, which the settings make
        harder; genomes are evaluated on its device
    engine: one of nets_deap's maps, or any `map(function, items)` that keeps the order; serial by default
    rng: the generator of nets_deap's operators; None: Python's `random` governs them, as DEAP's own
    seed: decides the minibatches

    The toolbox's `clock` counts generations: each call of its `map` adds one. The mutation `differential`
    draws from the toolbox's list `parents`: keep the current population in it.

    A config can replace problem, settings and seed: make_toolbox(config, engine, rng).
    """
    if not isinstance(problem, Problem):  # a config has a function of its own, below
        raise TypeError(f"expected a Problem or an EvolveConfig, got {type(problem).__name__}")
    if settings.precision != "float32" and not getattr(engine, "stacks", False):
        raise NetsError(f"`precision` {settings.precision}: it needs the map batched, or dask with GPUs")
    problem, clock = settings.evaluation(problem), Clock()
    std, drawing = problem.initial_std(), problem.drawing()
    pipeline = settings.pipeline
    toolbox = base.Toolbox()
    toolbox.clock = clock
    toolbox.register(
        "individual",
        initGenome,
        drawing,
        settings.resolved_init_density,
        ParetoFitness if settings.objectives == 2 else None,
        rng=rng,
    )
    toolbox.register("evaluate", _evaluator(problem, settings, seed))
    if settings.mate == "mask":
        toolbox.register("mate", cxMask, rng=rng)
    else:
        toolbox.register("mate", cxUniformGene, indpb=settings.crossover, rng=rng)
    schedule = settings.density_schedule()

    def density() -> float:
        """Density of the genomes of the current generation."""
        return schedule(clock.generation) if pipeline.exact else settings.resolved_init_density

    def plan(genome: Genome) -> np.ndarray:
        """Active genes planned for each layer, by the genome's own density or that of the generation."""
        own = genome.traits[DENSITY][0] if DENSITY in genome.traits else density()
        return planned_counts(problem.layout, active_weights(problem.layout, own), genome)

    toolbox.parents = []
    kit = Kit(
        problem.layout, std, drawing, plan, rng, toolbox.parents, settings.target_density, settings.adapt
    )
    toolbox.register("mutate", mutSequence, mutations=pipeline.build(kit, settings))
    if settings.seeding != "random":
        pruning = SEEDINGS[settings.seeding]
        toolbox.register(
            "individual",
            _seeded,
            toolbox.individual,
            pruning,
            replace(problem, device="cpu") if getattr(engine, "elsewhere", False) else problem,
            density,
            pipeline.exact,
            problem.extras(seed),
            rng,
        )
    elif pipeline.exact:
        repair = partial(repairDensity, layout=problem.layout, plan=plan, rng=rng)
        toolbox.register("individual", _planned, toolbox.individual, repair)
    toolbox.register("population", tools.initRepeat, list, toolbox.individual)
    choice, first = selection.parse(settings.select), settings.resolved_select_from
    shared = None if pipeline.evolves_density or not pipeline.exact else SharedPlan(schedule, problem.layout)
    toolbox.register("select", Mating(choice, settings.islands, settings.migrate_every, first, clock, shared))
    race = racing.parse(settings.race)
    mapped = EvaluationMap(engine or SerialMap(), race, clock, toolbox, seed, shared)
    toolbox.register("map", mapped)
    if pipeline.exact:
        settle = pipeline.exactly().build(replace(kit, adapt=0.0), settings)
        toolbox.decorate("mate", partial(_onto_plan, settle, mapped))
    return toolbox


def _onto_plan(
    settle: Sequence[Mutation], mapped: EvaluationMap, mate: Callable[..., tuple[Genome, ...]]
) -> Callable[..., tuple[Genome, ...]]:
    """A crossover that brings its children to the planned density: not every algorithm mutates them, too.

    An `Evolution` does, and needs no more.
    """

    def mated(*parents: Genome, **arguments: Any) -> tuple[Genome, ...]:
        children = mate(*parents, **arguments)
        return tuple(mutSequence(child, settle)[0] for child in children) if mapped.counts else children

    return mated


@make_toolbox.register
def _of_config(
    config: EvolveConfig, engine: Engine | None = None, rng: np.random.Generator | None = None
) -> base.Toolbox:
    return make_toolbox(config.problem(), config.evolution, engine, rng, config.seed)


def _evaluator(problem: Problem, settings: EvolutionSettings, seed: int) -> Evaluator:
    target = settings.target_density
    return Evaluator(
        problem,
        DensityPenalty(target) if settings.fitness is None else load_fitness(settings.fitness),
        settings.objectives,
        seed,
        precision=settings.precision,
        traces=settings.pipeline.traces,
        extras=problem.extras(seed),
        against=settings.against,
    )


def _planned(make: Callable[[], Genome], repair: Callable[[Genome], tuple[Genome]]) -> Genome:
    """A fresh genome of exactly the planned density."""
    return repair(make())[0]


def _seeded(
    make: Callable[[], Genome],
    pruning: Pruning,
    problem: Problem,
    density: Callable[[], float],
    planned: bool,
    extras: np.ndarray,
    rng: np.random.Generator | None,
) -> Genome:
    """A fresh genome whose mask comes from pruning its weights at initialisation.

    If the mutations follow a plan, the genome's plan starts with the layer densities of this mask.
    """
    genome, layout = make(), problem.layout
    genome.mask = pruning.of(problem, genome.weights, density(), as_generator(rng), extras=extras)
    if planned:
        shares = np.array(list(layout.densities(genome.mask).values()))
        least = 1 / np.array(layout.sizes)
        genome.traits[LAYERS] = factors_of(layout, np.maximum(shares, least), len(genome))
    return genome
