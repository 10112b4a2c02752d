"""The DEAP toolbox that a config describes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from deap import base, tools

from nets_deap.evolution import mutations, racing, selection
from nets_deap.evolution.evaluator import Evaluator
from nets_deap.evolution.fitness import DensityPenalty, load_fitness
from nets_deap.evolution.islands import Mating
from nets_deap.evolution.maps import EvaluationMap
from nets_deap.evolution.settings import EvolveConfig
from nets_deap.individuals.evaluation import MinimisedFitness, ParetoFitness
from nets_deap.individuals.genome import Genome, initGenome
from nets_deap.individuals.operators.density import DENSITY, LAYERS, cxMask, planned_counts, repairDensity
from nets_deap.individuals.operators.paper import cxUniformGene, mutSequence
from nets_deap.parallel.processes import MultiprocessMap
from nets_deap.parallel.serial import SerialMap
from nets_deap.problem.problem import Problem
from nets_deap.pruning.allocation import active_weights, erk
from nets_deap.pruning.at_initialisation import SEEDINGS, Pruning
from nets_deap.util.random_streams import as_generator


def make_toolbox(
    config: EvolveConfig,
    engine: SerialMap | MultiprocessMap | None = None,
    rng: np.random.Generator | None = None,
) -> base.Toolbox:
    """A DEAP toolbox with individual, population, evaluate, mate, mutate, select and map registered.

    Its list `parents` is what the mutation `differential` draws from: keep the population in it.

    engine: the map; serial unless given
    rng: what our operators draw from; None leaves them to Python's `random`, as DEAP's own are
    """
    problem = config.problem()
    std = problem.initial_std()
    choice = selection.parse(config.select)
    pipeline = config.pipeline
    toolbox = base.Toolbox()
    toolbox.register(
        "individual",
        initGenome,
        std,
        config.resolved_init_density,
        MinimisedFitness if config.objectives == 1 else ParetoFitness,
        rng=rng,
    )
    fitness = (
        load_fitness(config.fitness) if config.fitness is not None else DensityPenalty(config.target_density)
    )
    evaluator = Evaluator(
        problem,
        fitness,
        config.objectives,
        config.seed,
        config.torch_device(),
        precision=config.precision,
        graphs=config.cuda_graphs,
        traces=pipeline.traces,
    )
    toolbox.register("evaluate", evaluator)
    if config.mate == "mask":
        toolbox.register("mate", cxMask, rng=rng)
    else:
        toolbox.register("mate", cxUniformGene, indpb=config.crossover, rng=rng)
    schedule = config.density_schedule()

    def density() -> float:
        """Of the genomes that are being made."""
        return schedule(evaluator.generation) if pipeline.exact else config.resolved_init_density

    def plan(genome: Genome) -> np.ndarray:
        """Active genes of each layer: by the genome's own density, or the generation that is being made."""
        own = genome.traits[DENSITY][0] if DENSITY in genome.traits else density()
        return planned_counts(problem.layout, active_weights(problem.layout, own), genome)

    toolbox.parents = []
    kit = mutations.Kit(problem.layout, std, plan, rng, toolbox.parents, config.target_density, config.adapt)
    toolbox.register("mutate", mutSequence, mutations=pipeline.build(kit, config))
    if config.seeding != "random":
        pruning = SEEDINGS[config.seeding]
        toolbox.register(
            "individual", _seeded, toolbox.individual, pruning, problem, density, pipeline.exact, rng
        )
    elif pipeline.exact:
        repair = partial(repairDensity, layout=problem.layout, plan=plan, rng=rng)
        toolbox.register("individual", _planned, toolbox.individual, repair)
    toolbox.register("population", tools.initRepeat, list, toolbox.individual)
    first = config.resolved_select_from
    toolbox.register("select", Mating(choice, config.islands, config.migrate_every, first, evaluator))
    race = racing.parse(config.race)
    toolbox.register("map", EvaluationMap(engine or SerialMap(), evaluator, race))
    return toolbox


def _planned(make: Callable[[], Genome], repair: Callable[[Genome], tuple[Genome]]) -> Genome:
    """A fresh genome of exactly the planned density."""
    return repair(make())[0]


def _seeded(
    make: Callable[[], Genome],
    pruning: Pruning,
    problem: Problem,
    density: Callable[[], float],
    planned: bool,
    rng: np.random.Generator | None,
) -> Genome:
    """A fresh genome under the mask that a pruning at initialisation gives its weights.

    Where mutations hold to a plan, they take over how the pruning has shared the density among layers.
    """
    genome, layout = make(), problem.layout
    genome.mask = pruning.of(problem, genome.weights, density(), as_generator(rng))
    if planned:
        shares = np.array(list(layout.densities(genome.mask).values()))
        factors = np.log(np.maximum(shares, 1 / np.array(layout.sizes)) / erk(layout, len(genome)))
        genome.traits[LAYERS] = factors - factors.mean()
    return genome
