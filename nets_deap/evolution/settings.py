"""The settings of an evolution."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from nets_deap.config.base import Count, Positive, ProblemConfig, Rate, Share
from nets_deap.evolution import mutations, racing, selection
from nets_deap.evolution.density_schedule import DensitySchedule
from nets_deap.problem.recipe import Recipe
from nets_deap.util.errors import NetsError


class EvolveConfig(ProblemConfig):
    """One evolution. Rates are per gene.

    mutate, mate: as `variation.parse` takes them, and a name in variation.MATES
    init_density: None is 1 where mutations hold to a planned density, else the target
    density_gens: generations in which the planned density falls from init_density to the target; None:
        four fifths of them, and then selection has a say
    lr_factor: learning rate of an evaluation, in units of lr; input_dropout: share of its inputs blanked
    adapt: width of the log-normal steps by which the mutations' rates evolve; 0: they stay
    seeding: a name in pruning.methods.SEEDINGS, for the masks of the first population
    race: as `racing.parse` takes it; reevaluate: elites are evaluated in every generation, and averaged
    islands, migrate_every: see `structure.Mating`
    select_from: generation from which selection has a say; None: once the density is down, for the fitness of
        a dense genome does not foretell that of its sparse descendants (results/search)
    restart_after: generations without improvement after which all but elites is drawn afresh; 0: never

    awaken None balances dormancy, which comes before it, at the target density: s·τ/(1−τ(1−s)).
    offspring: λ of the mu-algorithms; None is the population size (twice that for mu-comma-lambda)
    elites: None is 2, or 1 where the population is a single lineage
    """

    pop: Positive = 20
    gens: Count = 25
    select: str = "tournament:tournsize=3"
    algorithm: str | None = None
    offspring: Positive | None = None
    elites: Count | None = None
    crossover: Rate = 0.5
    noise: Rate = 0.1
    resample: Rate = 0.1
    dormancy: Rate = 0.02
    awaken: Rate | None = None
    mutate: str = mutations.PAPERS
    mate: str = "uniform"
    density_gens: Count | None = None
    lr_factor: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    input_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    adapt: Annotated[float, Field(ge=0, le=3)] = 0.0
    seeding: str = "random"
    race: str | None = None
    reevaluate: bool = False
    islands: Positive = 1
    migrate_every: Count = 5
    restart_after: Count = 0
    select_from: Count | None = None
    target_density: Annotated[float, Field(gt=0, lt=1)] = 0.2
    init_density: Share | None = None
    data_fraction: Share = 1.0
    patience: Count = 0
    time_limit: Annotated[float, Field(gt=0)] | None = None
    fitness: str | None = None
    track_test: bool = False
    map: str = "multiprocess"
    precision: str = "float32"
    cuda_graphs: bool = False

    @field_validator("select")
    @classmethod
    def _select(cls, text: str) -> str:
        return str(selection.parse(text))

    @field_validator("mutate")
    @classmethod
    def _mutate(cls, text: str) -> str:
        return str(mutations.parse(text))

    @field_validator("race")
    @classmethod
    def _race(cls, text: str | None) -> str | None:
        racing.parse(text)
        return text

    @model_validator(mode="after")
    def _consistent(self) -> EvolveConfig:
        self._consistent_structure()
        if self.resolved_density_gens and self.resolved_algorithm != selection.SIMPLE:
            raise NetsError(
                f"--algorithm {self.resolved_algorithm}: where the density falls, denser parents always "
                "survive: take simple, or a search without a plan, as --preset paper has it"
            )
        if self.density_gens:
            given = f"--density-gens {self.density_gens}"
            if not self.planned:
                raise NetsError(
                    f"{given}: --mutate {self.mutate} goes by no planned density: add prune, grow or repair"
                )
            if self.density_gens > self.gens:
                raise NetsError(f"{given}: in --gens {self.gens} the density would not come down")
        if self.precision != "float32" and self.map != "batched":
            raise NetsError(f"--precision {self.precision} goes with --map batched only")
        if self.cuda_graphs and (self.map != "batched" or self.device == "cpu"):
            raise NetsError("--cuda-graphs goes with --map batched --device cuda only")
        choice = selection.parse(self.select)
        selection.check(choice, self.resolved_algorithm, self.pop)
        if self.resolved_elites > self.pop:
            raise NetsError(f"--elites {self.elites} is more than --pop {self.pop}")
        if self.offspring is not None and self.resolved_algorithm == selection.SIMPLE:
            raise NetsError("--offspring goes with --algorithm mu-plus-lambda or mu-comma-lambda only")
        if self.resolved_algorithm == selection.COMMA and self.resolved_offspring < self.pop:
            raise NetsError(f"--algorithm mu-comma-lambda needs --offspring of at least --pop {self.pop}")
        return self

    def _consistent_structure(self) -> None:
        size, rest = divmod(self.pop, self.islands)
        if self.islands > 1 and (rest or size < 2):
            raise NetsError(
                f"--islands {self.islands} --pop {self.pop}: each needs the same number, and 2 or more"
            )
        if self.islands > 1 and self.mates and size % 2:
            raise NetsError(f"--islands {self.islands}: {size} genomes on each do not pair up")
        late = (self.select_from or 0) > 1
        for option, given in (("--islands", self.islands > 1), ("--select-from", late)):
            if given and self.resolved_algorithm != selection.SIMPLE:
                raise NetsError(f"{option} goes with --algorithm simple, not {self.resolved_algorithm}")
        if (
            self.planned
            and self.mates
            and self.mate == "uniform"
            and self.resolved_algorithm != selection.SIMPLE
        ):
            raise NetsError(
                f"--mate uniform: under {self.resolved_algorithm} its children are not mutated, and no plan "
                "would hold their density: take --mate mask or none"
            )
        moves = [step.name for step in self.pipeline.steps if step.name in ("layers", "density")]
        if moves and not self.planned:
            raise NetsError(
                f"--mutate {self.mutate}: {moves[0]} changes a plan and moves no gene: "
                "add prune, grow or repair"
            )
        for option, given in (("--race", self.race is not None), ("--islands", self.islands > 1)):
            if self.objectives == 2 and given:
                raise NetsError(f"{option} goes with one objective, and --select {self.select} has two")
        lives_on = self.islands == 1 and self.objectives == 1
        if self.restart_after and lives_on and self.resolved_elites >= self.pop:
            raise NetsError(
                f"--restart-after {self.restart_after}: {self.resolved_elites} elites of --pop {self.pop} "
                "leave no place to what is drawn afresh: take fewer --elites"
            )
        if self.pop == 1 and any(step.name == "differential" for step in self.pipeline.steps):
            raise NetsError(f"--mutate {self.mutate}: differential needs other genomes: take --pop 2 or more")
        own_batches = any(step.name == "reorder" for step in self.pipeline.steps)
        if own_batches and self.map == "batched":
            raise NetsError("--mutate reorder: minibatches of one's own do not go with --map batched")

    @property
    def objectives(self) -> int:
        """2 where density is an objective of its own, else 1."""
        return selection.parse(self.select).selection.objectives

    @property
    def resolved_algorithm(self) -> str:
        return self.algorithm or selection.parse(self.select).selection.algorithms[0]

    @property
    def mates(self) -> bool:
        """Do genomes mate? One by itself does not, whatever `mate` is."""
        return self.mate != "none" and self.pop > 1

    @property
    def resolved_elites(self) -> int:
        return min(2, self.pop) if self.elites is None else self.elites

    @property
    def resolved_offspring(self) -> int:
        if self.offspring is not None:
            return self.offspring
        return 2 * self.pop if self.resolved_algorithm == selection.COMMA else self.pop

    @property
    def resolved_awaken(self) -> float:
        if self.awaken is not None:
            return self.awaken
        return self.dormancy * self.target_density / (1 - self.target_density * (1 - self.dormancy))

    @property
    def pipeline(self) -> mutations.Pipeline:
        """The mutations; where density is an objective, those that hold to a plan let it evolve too."""
        pipeline = mutations.parse(self.mutate)
        return pipeline.with_density() if self.objectives == 2 and pipeline.exact else pipeline

    @property
    def planned(self) -> bool:
        """Do mutations hold to a planned density?"""
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

    def recipe(self) -> Recipe:
        return Recipe(
            self.optimizer,
            self.lr * self.lr_factor,
            self.batch_size,
            self.epochs,
            self.iterations,
            self.data_fraction,
            self.input_dropout,
            self.augment,
        )


# Options that have a say once selection has
SELECTING = ("select", "elites", "islands", "migrate_every", "reevaluate", "restart_after", "patience")


def check_effect(options: Collection[str], config: EvolveConfig) -> None:
    """Raise NetsError for options of an evolution, by name, that have no effect in it."""
    used = {step.name for step in config.pipeline.steps}
    for name in mutations.PAPERS.split(","):
        if name in options and name not in used:
            raise NetsError(
                f"--{name} has no effect: --mutate {config.mutate} has no {name}: add it, "
                "or take --preset paper"
            )
    if config.pop == 1:
        alone = config.resolved_algorithm == selection.SIMPLE  # the others select among parent and offspring
        for name in ("mate", "crossover", *(("select", "race") if alone else ())):
            if name in options and getattr(config, name) not in ("none", 0, None):
                raise NetsError(f"--{name} has no effect on a single lineage: take --pop 2 or more")
    if "crossover" in options and config.mate != "uniform":
        raise NetsError(f"--crossover has no effect with --mate {config.mate}: take --mate uniform as well")
    if config.objectives == 2 and config.reevaluate and "reevaluate" in options:
        raise NetsError(f"--reevaluate goes with one objective, and --select {config.select} has two")
    if config.resolved_select_from > max(config.gens, 1):
        for name in SELECTING:
            if name in options:
                raise NetsError(
                    f"--{name.replace('_', '-')} has no effect: selection begins in generation "
                    f"{config.resolved_select_from} of {config.gens}: let the density be down earlier, by "
                    "--density-gens, or say --select-from"
                )
