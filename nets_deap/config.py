"""Validated configs; where their values come from is in `settings.py`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from nets_deap import data, racing, selection, variation
from nets_deap.errors import NetsError, unknown
from nets_deap.genome import INITIALISERS
from nets_deap.models import MODELS
from nets_deap.problem import OPTIMIZERS, Budget, Problem, Recipe
from nets_deap.schedule import DensitySchedule

Rate = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(gt=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]

# Where a run happens, not what it is: these may differ when a run is resumed, and name no run.
PLACE_FIELDS = frozenset(
    {"out", "map", "workers", "device", "time_limit", "data_dir", "download", "cuda_graphs"}
)
MAPS = ("serial", "multiprocess", "batched")
# What a field that holds a name is called, and the names there are
NAMES: dict[str, tuple[str, Collection[str]]] = {
    "arch": ("architecture", MODELS),
    "init": ("initialiser", INITIALISERS),
    "optimizer": ("optimizer", OPTIMIZERS),
    "device": ("device", ("cpu", "cuda", "auto")),
    "algorithm": ("algorithm", selection.ALGORITHMS),
    "map": ("map", MAPS),
    "mate": ("crossover", variation.MATES),
    "seeding": ("seeding", variation.SEEDINGS),
    "precision": ("precision", ("float32", "tf32", "bf16")),
}

Config = TypeVar("Config", bound="ProblemConfig")


class ProblemConfig(BaseModel):
    """What `evolve` and `train` share: data, architecture, training recipe, place."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
    command: ClassVar[str] = "evolve"  # whose presets and defaults apply

    dataset: str = "digits"
    data_dir: str = "data"
    download: bool = False
    data_limit: Positive | None = None
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.1
    split_seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    arch: str = "lenet-300-100"
    init: str = "normal"
    optimizer: str = "sgd"
    lr: Annotated[float, Field(gt=0, le=1e6)] = 1e-3  # far more is not a float32
    batch_size: Count = 60
    epochs: Positive = 1
    iterations: Positive | None = None
    seed: Count = 1
    device: str = "cpu"
    workers: Positive | None = None
    out: str | None = None

    @field_validator("dataset")
    @classmethod
    def _dataset(cls, name: str) -> str:
        data.check_name(name)
        return name

    @field_validator("*", mode="after")
    @classmethod
    def _printable(cls, value: Any) -> Any:
        if isinstance(value, str) and not value.isprintable():
            raise ValueError("holds characters that cannot be printed")
        return value

    @field_validator(*NAMES, check_fields=False)
    @classmethod
    def _name(cls, name: str | None, field: ValidationInfo) -> str | None:
        kind, known = NAMES[str(field.field_name)]
        if name is not None and name not in known:
            raise unknown(kind, name, known)
        return name

    def recipe(self) -> Recipe:
        return Recipe(self.optimizer, self.lr, self.batch_size, self.epochs, self.iterations)

    def problem(self) -> Problem:
        return Problem(
            self.dataset,
            self.arch,
            self.recipe(),
            self.init,
            self.data_dir,
            self.download,
            self.data_limit,
            self.validation,
            self.split_seed,
        )

    def identity(self) -> dict[str, Any]:
        """The fields that decide the results."""
        return self.model_dump(exclude=set(PLACE_FIELDS))

    def settings(self) -> dict[str, Any]:
        """Those fields that every command has: a ticket's problem and training recipe."""
        return {key: value for key, value in self.identity().items() if key in ProblemConfig.model_fields}

    def fingerprint(self) -> str:
        """Eight hexadecimal digits that tell one identity from another."""
        text = json.dumps(self.identity(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    def torch_device(self) -> str:
        """`device` with auto resolved. Raises NetsError for cuda where there is none."""
        if self.device == "cpu":
            return "cpu"
        import torch

        if torch.cuda.is_available():
            return "cuda"
        if self.device == "auto":
            return "cpu"
        raise NetsError("--device cuda: this machine has no usable CUDA device: take --device cpu or auto")


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
    restart_after: generations without improvement after which the population is drawn afresh; 0: never

    awaken None balances dormancy, which comes before it, at the target density: s·τ/(1−τ(1−s)).
    offspring: λ of the mu-algorithms; None is the population size (twice that for mu-comma-lambda)
    """

    pop: Annotated[int, Field(ge=2)] = 20
    gens: Count = 25
    select: str = "tournament:tournsize=3"
    algorithm: str | None = None
    offspring: Positive | None = None
    elites: Count = 2
    crossover: Rate = 0.5
    noise: Rate = 0.1
    resample: Rate = 0.1
    dormancy: Rate = 0.02
    awaken: Rate | None = None
    mutate: str = variation.PAPERS
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
        return str(variation.parse(text))

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
        if self.elites > self.pop:
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
        if self.islands > 1 and self.mate != "none" and size % 2:
            raise NetsError(f"--islands {self.islands}: {size} genomes on each do not pair up")
        late = (self.select_from or 0) > 1
        for option, given in (("--islands", self.islands > 1), ("--select-from", late)):
            if given and self.resolved_algorithm != selection.SIMPLE:
                raise NetsError(f"{option} goes with --algorithm simple, not {self.resolved_algorithm}")
        if self.planned and self.mate == "uniform" and self.resolved_algorithm != selection.SIMPLE:
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
        two = selection.parse(self.select).selection.objectives == 2
        for option, given in (
            ("--race", self.race is not None),
            ("--islands", self.islands > 1),
        ):
            if two and given:
                raise NetsError(f"{option} goes with one objective, and --select {self.select} has two")
        own_batches = any(step.name == "reorder" for step in self.pipeline.steps)
        if own_batches and self.map == "batched":
            raise NetsError("--mutate reorder: minibatches of one's own do not go with --map batched")

    @property
    def resolved_algorithm(self) -> str:
        return self.algorithm or selection.parse(self.select).selection.algorithms[0]

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
    def pipeline(self) -> variation.Pipeline:
        """The mutations; where density is an objective, those that hold to a plan let it evolve too."""
        pipeline = variation.parse(self.mutate)
        two = selection.parse(self.select).selection.objectives == 2
        return pipeline.with_density() if two and pipeline.exact else pipeline

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
        )


class TrainConfig(ProblemConfig):
    """The training of one ticket to the end.

    eval_every: iterations between two rows of training.csv; 0 is once an epoch
    random: how many random tickets of the same density to train beside it
    """

    command: ClassVar[str] = "train"
    eval_every: Count = 0
    random: Count = 0
    map: str = "multiprocess"


def _on_cpus(config: Config, map_: str) -> Config:
    if map_ == "batched" or config.device != "cpu":
        raise NetsError("trainings run on CPUs, one on each core: --map serial or multiprocess")
    return config


def _listed(value: Any) -> Any:
    """Text with commas, as a command line has it, as a list of numbers."""
    if not isinstance(value, str):
        return [value] if isinstance(value, int | float) else value
    try:
        return [float(piece) for piece in value.split(",")]
    except ValueError:
        raise ValueError("expected numbers separated by commas, for example 0.2,0.05") from None


class VerifyConfig(ProblemConfig):
    """A verdict on one ticket.

    seeds: trainings of each network, from `seed` on
    margin: points of accuracy that a winning ticket may lack; at_most: the density it may have
    """

    command: ClassVar[str] = "train"
    seeds: Annotated[int, Field(ge=2)] = 5
    margin: Annotated[float, Field(ge=0)] = 0.0
    at_most: Share = 0.5
    eval_every: Count = 0
    map: str = "multiprocess"

    @model_validator(mode="after")
    def _on_cpus(self) -> VerifyConfig:
        return _on_cpus(self, self.map)


class BudgetConfig(ProblemConfig):
    """What a search may take at most; see `problem.Budget`."""

    command: ClassVar[str] = "compare"
    budget_steps: Positive | None = None
    budget_samples: Positive | None = None
    budget_passes: Positive | None = None
    budget_seconds: Annotated[float, Field(gt=0)] | None = None

    def budget(self) -> Budget:
        return Budget(self.budget_steps, self.budget_samples, self.budget_passes, self.budget_seconds)


class SearchConfig(BudgetConfig):
    """One search by any method.

    epochs, iterations: of the training to the end, which a method may go by
    """

    method: str = "imp"
    density: Share = 0.2

    @model_validator(mode="after")
    def _on_a_cpu(self) -> SearchConfig:
        if self.device != "cpu":
            raise NetsError("searches run on the CPU; for a GPU there is nets-deap evolve --map batched")
        return self


class CompareConfig(BudgetConfig):
    """Search methods against each other, on paired seeds.

    epochs, iterations: of the training to the end, and of a cycle of IMP unless it says otherwise
    seeds: how many, from `seed` on
    reference: the method that the others are compared with; the first one unless given
    until_half_width: instead of `seeds` 5, 10 or 20, until the interval of every paired difference in test
        accuracy is that narrow, in points
    """

    methods: str = "imp,snip,random"
    densities: Annotated[
        list[Annotated[float, Field(gt=0, le=1)]], BeforeValidator(_listed), Field(min_length=1)
    ] = [0.2]
    seeds: Positive = 5
    reference: str | None = None
    until_half_width: Annotated[float, Field(gt=0)] | None = None
    eval_every: Count = 0
    track_test: bool = False
    map: str = "multiprocess"

    @model_validator(mode="after")
    def _consistent(self) -> CompareConfig:
        if len(set(self.densities)) < len(self.densities):
            raise NetsError("--densities: one of them stands there twice")
        return _on_cpus(self, self.map)
