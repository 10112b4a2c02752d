"""What all configs share: validated values of data, network, training and place."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from nets_deap.data import sources
from nets_deap.evolution import mutations, selection
from nets_deap.models.initialisers import INITIALISERS
from nets_deap.models.registry import check_name
from nets_deap.parallel.choice import MAPS
from nets_deap.problem.budget import Budget
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import OPTIMIZERS, Recipe
from nets_deap.util.errors import NetsError, unknown

Rate = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(gt=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
# Where a run happens, not what it is: these may differ when a run is resumed, and name no run.
PLACE_FIELDS = frozenset(
    {"out", "map", "workers", "device", "time_limit", "data_dir", "download", "cuda_graphs"}
)
# What a field that holds a name is called, and the names there are
NAMES: dict[str, tuple[str, Collection[str]]] = {
    "init": ("initialiser", INITIALISERS),
    "optimizer": ("optimizer", OPTIMIZERS),
    "device": ("device", ("cpu", "cuda", "auto")),
    "algorithm": ("algorithm", selection.ALGORITHMS),
    "map": ("map", (*MAPS, "batched")),
    "mate": ("crossover", mutations.MATES),
    "seeding": ("seeding", mutations.SEEDINGS),
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
        sources.check_name(name)
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


class BudgetConfig(ProblemConfig):
    """What a search may take at most; see `problem.Budget`."""

    command: ClassVar[str] = "compare"
    budget_steps: Positive | None = None
    budget_samples: Positive | None = None
    budget_passes: Positive | None = None
    budget_seconds: Annotated[float, Field(gt=0)] | None = None

    def budget(self) -> Budget:
        return Budget(self.budget_steps, self.budget_samples, self.budget_passes, self.budget_seconds)
