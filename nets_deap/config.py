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

from nets_deap import data, selection, variation
from nets_deap.errors import NetsError, unknown
from nets_deap.genome import INITIALISERS
from nets_deap.models import check_name
from nets_deap.problem import OPTIMIZERS, Budget, Problem, Recipe

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
    augment: bool = False
    seed: Count = 1
    device: str = "cpu"
    workers: Positive | None = None
    out: str | None = None

    @field_validator("dataset")
    @classmethod
    def _dataset(cls, name: str) -> str:
        data.check_name(name)
        return name

    @field_validator("arch")
    @classmethod
    def _arch(cls, name: str) -> str:
        check_name(name)
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
        return Recipe(
            self.optimizer, self.lr, self.batch_size, self.epochs, self.iterations, augment=self.augment
        )

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
        """Eight hexadecimal digits that tell one identity from another; a new field changes no old ones."""
        differs = self.model_dump(exclude=set(PLACE_FIELDS), exclude_defaults=True)
        text = json.dumps(differs, sort_keys=True)
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


class TransferConfig(ProblemConfig):
    """A ticket trained by another.

    to: an optimiser or an evolution strategy, the ticket's own optimiser unless given; es: options of a
        strategy, as of the method es
    seeds: trainings of each ticket, from `seed` on
    """

    command: ClassVar[str] = "train"
    to: str | None = None
    es: str = ""
    seeds: Positive = 5
    map: str = "multiprocess"

    @model_validator(mode="after")
    def _on_cpus(self) -> TransferConfig:
        return _on_cpus(self, self.map)


class ConnectivityConfig(ProblemConfig):
    """The line between trainings. points: on it; seeds: lines, from `seed` on"""

    command: ClassVar[str] = "train"
    points: Annotated[int, Field(ge=3)] = 30
    seeds: Positive = 3
    map: str = "multiprocess"

    @model_validator(mode="after")
    def _on_cpus(self) -> ConnectivityConfig:
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


POPULATIONS = ("weedout", "node-evolution", "random-nodes")


class SearchConfig(BudgetConfig):
    """One search by any method.

    epochs, iterations: of the training to the end, which a method may go by
    map: of a population in node space
    track_test: have the test accuracy of an ES's rounds in the logbook
    """

    method: str = "imp"
    density: Share = 0.2
    map: str = "multiprocess"
    track_test: bool = False

    @model_validator(mode="after")
    def _on_a_cpu(self) -> SearchConfig:
        name = self.method.partition(":")[0]
        batched = self.map == "batched"
        if batched and name not in POPULATIONS:
            raise NetsError(f"--map batched is for populations of networks, which {name} has none of")
        if self.device != "cpu" and not (batched or name in ("es", "es-paper")):
            raise NetsError(
                "this search runs on the CPU; for a GPU there are es, and --map batched of evolve and weedout"
            )
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
