"""The settings of an evolution, and the config of a run."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, model_validator

from nets_deap.config import layers, presets
from nets_deap.config.base import Config, LogNames, ProblemConfig, Settings, log_setting
from nets_deap.config.fields import Count, Genomes, Positive, Rate, Share, one_of, setting
from nets_deap.evolution import pipeline, racing, rules, selection
from nets_deap.evolution.density_schedule import DensitySchedule
from nets_deap.evolution.pipeline import MATES
from nets_deap.individuals.evaluation import AGAINST, DENSITY
from nets_deap.parallel import choice
from nets_deap.problem.problem import Problem
from nets_deap.pruning.at_initialisation import SEEDINGS

MAPS = (*choice.MAPS, "batched")


def _select(text: str) -> str:
    return str(selection.parse(text))


def _mutate(text: str) -> str:
    return str(pipeline.parse(text))


def _race(text: str | None) -> str | None:
    racing.parse(text)
    return text


class EvolutionSettings(Settings):
    """How a ticket is evolved, whatever the problem. Rates are per gene.

    mutate: text for `pipeline.parse`; mate: a name in pipeline.MATES
    init_density: density of the first population; None: 1 if the mutations follow a planned density and
        seeding is random, else the target density
    density_gens: generations over which the planned density falls from init_density to the target; None:
        the first four fifths, so that selection acts in the rest
    lr_factor: learning rate of an evaluation, as a multiple of the recipe's
    adapt: width of the log-normal steps by which the mutation rates adapt themselves; 0: fixed rates
    seeding: a name in pruning.at_initialisation.SEEDINGS: how the first population gets its masks
    race: text for `racing.parse`
    reevaluate: evaluate the elites again in every generation, and average their results
    islands, migrate_every: see `islands.Mating`
    select_from: first generation with selection; None: the one after the density has reached the target,
        because a dense genome's fitness does not predict that of its sparse descendants (results/search)
    restart_after: generations without improvement after which all but the elites are drawn anew; 0: never
    awaken: None balances dormancy, which is applied before it, at the target density: s·τ/(1−τ(1−s)) for
        dormancy s and target τ
    offspring: λ of the mu-algorithms; by default the population size (twice that for mu-comma-lambda)
    elites: by default 2, or 1 if the population is a single lineage
    against: as for `Evaluator`
    """

    pop: Genomes = setting(20, "Population size.", "search", "N", True)
    gens: Count = setting(25, "Generations; 0 evaluates the first population only.", "search", "N", True)
    select: Annotated[str, AfterValidator(_select)] = setting(
        "tournament:tournsize=3",
        "Selection, e.g. tournament:tournsize=3; see `list_selections`.",
        "search",
        "NAME[:ARG=VALUE,…]",
        True,
    )
    algorithm: Annotated[str | None, one_of("algorithm", selection.ALGORITHMS)] = setting(
        None, "simple, mu-plus-lambda or mu-comma-lambda. [what the selection needs]", "search", "NAME"
    )
    against: Annotated[str, one_of("objective", AGAINST)] = setting(
        DENSITY, "Second objective of two, beside the loss: density or untrained.", "search", "NAME"
    )
    offspring: Genomes | None = setting(
        None, "λ of the mu-algorithms. [the population size; twice that for comma]", "search", "N"
    )
    elites: Count | None = setting(
        None, "Genomes that live on unchanged. [2; of a single lineage 1]", "search", "N", True
    )
    crossover: Rate = setting(0.5, "With mate uniform, per gene: swapped between parents.", "search", "RATE")
    noise: Rate = setting(0.1, "Of the preset paper, per gene: N(0, 0.1²) added.", "search", "RATE")
    resample: Rate = setting(0.1, "Of the preset paper, per gene: weight drawn anew.", "search", "RATE")
    dormancy: Rate = setting(0.02, "Of the preset paper, per gene: switched off.", "search", "RATE")
    awaken: Rate | None = setting(
        None, "Of the preset paper, per gene: switched on. [balances dormancy]", "search", "RATE"
    )
    mutate: Annotated[str, AfterValidator(_mutate)] = setting(
        presets.PAPERS,
        "Mutations, one after another. [flip,prune-increase]",
        "search",
        "NAME[:RATE],…",
        True,
    )
    mate: Annotated[str, one_of("crossover", MATES)] = setting(
        "uniform", "Crossover: uniform, mask or none. [none]", "search", "NAME", True
    )
    density_gens: Count | None = setting(
        None, "Generations in which a planned density falls to the target. [four fifths]", "search", "N"
    )
    lr_factor: float = setting(
        1.0, "Learning rate of an evaluation in units of the learning rate.", "evaluation", "X", gt=0, le=1e6
    )
    input_dropout: float = setting(
        0.0, "Share of inputs blank in an evaluation.", "evaluation", "SHARE", ge=0, lt=1
    )
    adapt: float = setting(
        0.0, "Width of the steps by which rates evolve themselves.", "search", "X", ge=0, le=3
    )
    seeding: Annotated[str, one_of("seeding", SEEDINGS)] = setting(
        "random", "Masks of the first population: random, snip, grasp, synflow, …", "search", "NAME"
    )
    race: Annotated[str | None, AfterValidator(_race)] = setting(
        None, "Of each rung the best 1/ETA train on, ETA times as long.", "evaluation", "ETA:RUNGS"
    )
    reevaluate: bool = setting(False, "Evaluate elites in every generation, and average.", "evaluation")
    islands: Positive = setting(1, "Parts of the population that select among themselves.", "search", "N")
    migrate_every: Count = setting(5, "Generations between migrations.", "search", "N")
    restart_after: Count = setting(
        0, "Generations of stagnation after which to start afresh; 0 = never.", "search", "N"
    )
    select_from: Count | None = setting(
        None, "Generation in which selection begins. [once the density is down]", "search", "GEN"
    )
    target_density: float = setting(0.2, "τ of the density penalty.", "search", "D", True, gt=0, lt=1)
    init_density: Share | None = setting(
        None, "Density of the first population. [1, or the target]", "search", "D", True
    )
    data_fraction: Share = setting(1.0, "Share of the training set in an evaluation.", "evaluation", "SHARE")
    patience: Count = setting(
        0, "Stop after more than N generations without improvement; 0 = off.", "search", "N", True
    )
    fitness: str | None = setting(
        None,
        "Your own f(Evaluation, Genome) -> float, minimised.",
        "evaluation",
        "MODULE:FUNCTION",
        True,
    )
    track_test: bool = setting(
        False, "Record the best genome's test accuracy; selection never sees it.", "output"
    )
    precision: Annotated[str, one_of("precision", ("float32", "tf32", "bf16"))] = setting(
        "float32", "Products of `map` batched: float32, tf32 or bf16.", "running", "NAME"
    )

    @model_validator(mode="after")
    def _consistent(self) -> EvolutionSettings:
        rules.check(rules.RULES, self)
        return self

    @property
    def objectives(self) -> int:
        """2 if the selection looks at the validation loss and at what `against` says, else 1."""
        return selection.parse(self.select).selection.objectives

    @property
    def resolved_algorithm(self) -> str:
        return self.algorithm or selection.parse(self.select).selection.algorithms[0]

    @property
    def mates(self) -> bool:
        """Is there crossover? Not in a population of one, whatever `mate` is."""
        return self.mate != "none" and self.pop > 1

    @property
    def resolved_elites(self) -> int:
        return min(2, self.pop) if self.elites is None else self.elites

    @property
    def resolved_offspring(self) -> int:
        if self.offspring is not None:
            return self.offspring
        return 2 * self.pop if self.resolved_algorithm == selection.COMMA else self.pop

    def children(self, generation: int) -> int:
        """Genomes that are evaluated in a generation after the first, besides elites, at most."""
        return self.pop if generation <= self.resolved_density_gens else self.resolved_offspring

    @property
    def resolved_awaken(self) -> float:
        if self.awaken is not None:
            return self.awaken
        return self.dormancy * self.target_density / (1 - self.target_density * (1 - self.dormancy))

    @property
    def pipeline(self) -> pipeline.Pipeline:
        """The mutations. If density is an objective, mutations that follow a plan let it evolve."""
        given = pipeline.parse(self.mutate)
        evolves = self.objectives == 2 and self.against == DENSITY and given.exact
        return given.with_density() if evolves else given

    @property
    def planned(self) -> bool:
        """Do the mutations follow a planned density?"""
        return self.pipeline.exact

    @property
    def resolved_init_density(self) -> float:
        if self.init_density is not None:
            return self.init_density
        return 1.0 if self.planned and self.seeding == "random" else self.target_density

    @property
    def resolved_density_gens(self) -> int:
        if self.density_gens is not None:
            return self.density_gens
        falls = self.planned and not self.pipeline.evolves_density
        if not falls or self.resolved_init_density == self.target_density:
            return 0
        return self.gens - (max(1, self.gens // 5) if self.gens > 1 else 0)

    @property
    def resolved_select_from(self) -> int:
        return self.resolved_density_gens + 1 if self.select_from is None else self.select_from

    def density_schedule(self) -> DensitySchedule:
        start = self.resolved_init_density
        end = start if self.pipeline.evolves_density else self.target_density
        return DensitySchedule(start, end, self.resolved_density_gens)

    def evaluation(self, problem: Problem) -> Problem:
        """The problem that evaluations train on: its recipe, made harder by these settings."""
        recipe = replace(
            problem.recipe,
            lr=problem.recipe.lr * self.lr_factor,
            data_fraction=self.data_fraction,
            input_dropout=self.input_dropout,
        )
        return replace(problem, recipe=recipe)


class EvolveConfig(EvolutionSettings, ProblemConfig):
    """One run of an evolution: its settings, the problem, the seed, and where it runs.

    epochs, iterations: length of the training in an evaluation; with 0 epochs networks are judged untrained
    """

    untrained: ClassVar[bool] = True

    epochs: Count = setting(
        1, "Epochs of an evaluation; 0 judges untrained networks.", "evaluation", "N", True
    )
    iterations: Positive | None = setting(
        None, "The same in optimiser steps, in place of epochs.", "evaluation", "N"
    )
    map: Annotated[str, one_of("map", MAPS)] = setting(
        "multiprocess",
        "serial, multiprocess, dask, or batched: the whole population as one stack, for a GPU.",
        "running",
        "NAME",
    )
    time_limit: Annotated[float, Field(gt=0)] | None = setting(
        None, "Stop after the generation that passes it; resumable.", "running", "SECONDS"
    )
    eval_timeout: Annotated[float, Field(gt=0)] | None = setting(
        None, "The most that one evaluation may take; then the run ends, resumable.", "running", "SECONDS"
    )
    log: LogNames = log_setting()

    @model_validator(mode="after")
    def _runs(self) -> EvolveConfig:
        rules.check(rules.OF_A_RUN, self)
        if not self.recipe().trains:
            rules.check(rules.UNTRAINED, self)
        return self

    @property
    def evolution(self) -> EvolutionSettings:
        """The settings of the evolution alone."""
        return EvolutionSettings(**{name: getattr(self, name) for name in EvolutionSettings.model_fields})

    def check_effect(self, given: set[str]) -> None:
        """Raise NetsError for a field in `given` that has no effect beside the other settings."""
        rules.check_effect(self, given)


def configure(
    kind: type[Config] = EvolveConfig,  # type: ignore[assignment]  # mypy: no default for a type variable
    preset: str | None = None,
    config: str | None = None,
    trust: bool = False,
    **options: Any,
) -> Config:
    """`config.layers.configure`, for an EvolveConfig unless another kind of config is given."""
    return layers.configure(kind, preset, config, trust, **options)
