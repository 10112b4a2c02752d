"""The fields that all configs share: data, network, training, and where a run happens."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from nets_deap.config.fields import LONGEST, Count, Positive, Seed, Spent, one_of, setting
from nets_deap.data import sources
from nets_deap.models import catalogue, losses, metrics, prunable
from nets_deap.models.initialisers import INITIALISERS
from nets_deap.parallel.choice import MAPS
from nets_deap.parallel.processes import MOST_WORKERS
from nets_deap.problem import optimizer, schedule
from nets_deap.problem.budget import Budget
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.tracking import names as trackers
from nets_deap.util import devices
from nets_deap.util.errors import NetsError

# Fields for where a run happens: they may change when it is resumed, and are not in its fingerprint.
PLACE_FIELDS = frozenset(
    {"out", "map", "workers", "scheduler", "device", "time_limit", "eval_timeout", "data_dir", "download"}
    | {"log"}
)
# Fields that belong to a single call: no config.json has them, and one that has was not written by us
OF_A_CALL = frozenset({"out", "scheduler", "time_limit", "eval_timeout"})
# Fields of earlier versions that decided no result; a stored config may still have them.
RETIRED_FIELDS = frozenset({"cuda_graphs"})

Checked = TypeVar("Checked", bound="Settings")
Config = TypeVar("Config", bound="ProblemConfig")
MapName = Annotated[str, one_of("map", MAPS)]


def _checked_dataset(name: str) -> str:
    sources.check_name(name)
    return name


def _checked_optimizer(text: str) -> str:
    optimizer.parsed(text)
    return text


def _checked_schedule(text: str) -> str:
    schedule.parsed(text)
    return text


def _checked_architecture(name: str) -> str:
    catalogue.check_name(name)
    return name


def _checked_loss(text: str) -> str:
    losses.checked(text)
    return text


def _checked_prunable(text: str) -> str:
    prunable.check_name(text)
    return text


def _checked_log(text: str) -> str:
    trackers.parsed(text)
    return text


LogNames = Annotated[str, AfterValidator(_checked_log)] | None


def log_setting() -> Any:
    """The field `log` of a config, a LogNames: which trackers get the logbook, too."""
    says = "Log it to tensorboard, mlflow or wandb, too, in the folder; each is an extra."
    return setting(None, says, "output", "NAME,…")


def _checked_metric(text: str) -> str:
    metrics.check_name(text)
    return text


def without_retired(values: Mapping[str, Any]) -> dict[str, Any]:
    """Drop RETIRED_FIELDS that are switched off. Raises NetsError for one that is switched on."""
    for name in RETIRED_FIELDS & values.keys():
        if str(values[name]).lower() not in ("false", "no", "off", "0"):
            raise NetsError(f"{name} is no longer an option: leave it out")
    return {name: value for name, value in values.items() if name not in RETIRED_FIELDS}


class Settings(BaseModel):
    """Values that are checked once and never change."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @field_validator("*", mode="after")
    @classmethod
    def _printable(cls, value: Any) -> Any:
        if isinstance(value, str) and len(value) > LONGEST:
            raise ValueError(f"is longer than {LONGEST:,} characters")
        if isinstance(value, str) and not value.isprintable():
            raise ValueError("holds characters that cannot be printed")
        return value


class RecipeSettings(Settings):
    """How networks are trained; see `problem.Recipe`."""

    optimizer: Annotated[str, AfterValidator(_checked_optimizer)] = setting(
        "sgd",
        "sgd, momentum (of 0.9), adam, or any of torch.optim, with its arguments: adamw:weight_decay=0.01.",
        "training",
        "NAME",
    )
    lr: float = setting(1e-3, "Learning rate.", "training", "RATE", True, gt=0, le=1e6)
    batch_size: Count = setting(60, "Samples a step; 0 is all of them.", "training", "N")
    epochs: Count = setting(1, "Epochs of a training.", "training", "N", True)
    iterations: Positive | None = setting(
        None, "The same in optimiser steps, in place of epochs.", "training", "N"
    )
    schedule: Annotated[str, AfterValidator(_checked_schedule)] = setting(
        "constant",
        "Course of the learning rate: constant, multistep:at=0.5/0.75,factor=0.1, cosine, linear or "
        "one-cycle; warmup=5 lets it rise for five epochs first.",
        "training",
        "NAME",
    )
    clip: float = setting(0.0, "The largest norm of a gradient; 0 is none.", "training", "NORM", ge=0)
    label_smoothing: float = setting(
        0.0,
        "Share of a target that is spread over all classes, in training only.",
        "training",
        "SHARE",
        ge=0,
        lt=1,
    )
    augment: bool = setting(False, "Shift and mirror images, in training only.", "training")

    def recipe(self) -> Recipe:
        return Recipe(
            self.optimizer,
            self.lr,
            self.batch_size,
            self.epochs,
            self.iterations,
            augment=self.augment,
            schedule=self.schedule,
            clip=self.clip,
            label_smoothing=self.label_smoothing,
        )


class ProblemConfig(RecipeSettings):
    """The config that all commands share: data, architecture, training recipe, where a run happens."""

    command: ClassVar[str] = "evolve"  # the command whose presets and defaults apply
    untrained: ClassVar[bool] = False  # may networks be judged without any training?

    dataset: Annotated[str, AfterValidator(_checked_dataset)] = setting(
        "digits",
        "digits (offline), xor, xor-corners, mnist, fashion-mnist, kmnist, cifar10, folder:PATH, npz:FILE, "
        "csv:FILE?target=COLUMN, parquet:FILE?target=COLUMN, or module:function. [digits]",
        "data",
        "NAME",
        True,
    )
    data_dir: str = setting("data", "Where data sets lie. [data, or NETS_DATA_DIR]", "data", "DIR", True)
    download: bool = setting(False, "Fetch a missing data set.", "data")
    data_limit: Positive | None = setting(None, "Use N stratified training samples only.", "data", "N")
    validation: float = setting(
        0.1, "Share of the training samples that is for validation.", "data", "SHARE", gt=0, lt=1
    )
    split_seed: int = setting(0, "Decides which samples those are.", "data", "N", ge=0, lt=2**32)
    arch: Annotated[str, AfterValidator(_checked_architecture)] = setting(
        "lenet-300-100",
        f"{', '.join(catalogue.FORMS)}.",
        "network",
        "NAME",
        True,
    )
    prunable: Annotated[str, AfterValidator(_checked_prunable)] | None = setting(
        None,
        "Which parameters: embeddings, too, or module:function of (name, parameter). [weights of layers]",
        "network",
        "NAME",
    )
    init: Annotated[str, one_of("initialiser", INITIALISERS)] = setting(
        "normal",
        "Initial weights: normal (0.1), glorot, kaiming, or module, the network's own.",
        "network",
        "NAME",
    )
    loss: Annotated[str, AfterValidator(_checked_loss)] | None = setting(
        None,
        "cross-entropy, cross-entropy:weights=balanced, binary, mse, mae, huber:delta=1, or module:function. "
        "[cross-entropy for classes, mse for numbers and the mlp-N]",
        "training",
        "NAME",
    )
    metric: Annotated[str, AfterValidator(_checked_metric)] | None = setting(
        None,
        "accuracy, balanced-accuracy, r2, or module:function, with :least where less is better. "
        "[accuracy for classes, r2 for numbers]",
        "training",
        "NAME",
    )
    seed: Seed = setting(1, "Decides all that is random.", "running", "N", True)
    device: Annotated[str, one_of("device", devices.DEVICES)] = setting(
        "cpu", "cpu, cuda or auto.", "running", "NAME"
    )
    workers: Annotated[int, Field(ge=1, le=MOST_WORKERS)] | None = setting(
        None, "Worker processes. [all cores; one on a GPU]", "running", "N"
    )
    scheduler: str | None = setting(
        None, "Of a Dask cluster: tcp://…, tls://… or its scheduler file.", "running", "ADDRESS"
    )
    out: str | None = setting(None, "The folder to write to.", "output", "DIR", True)

    @model_validator(mode="after")
    def _trains(self) -> ProblemConfig:
        if not (self.untrained or self.recipe().trains):
            raise NetsError(
                "`epochs` 0: this trains networks, for 1 or more; evolve and compare can judge untrained ones"
            )
        return self

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
            self.loss,
            self.metric,
            self.prunable,
            self.device,
        )

    def identity(self) -> dict[str, Any]:
        """The fields that decide the results."""
        return self.model_dump(exclude=set(PLACE_FIELDS))

    def problem_fields(self) -> dict[str, Any]:
        """The part of the identity that all commands share: a ticket's problem and training recipe."""
        return {key: value for key, value in self.identity().items() if key in ProblemConfig.model_fields}

    def fingerprint(self) -> str:
        """Eight hexadecimal digits for the identity; a new field leaves them unchanged at its default."""
        fields = type(self).model_fields
        differs = {key: value for key, value in self.identity().items() if value != fields[key].default}
        text = json.dumps(differs, sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    def check_effect(self, given: set[str]) -> None:
        """Raise NetsError for a field in `given` that has no effect beside the other fields."""

    def torch_device(self) -> str:
        """`device` with auto resolved. Raises NetsError for cuda if there is no CUDA device."""
        return devices.of_a_run(self.device, self.scheduler)


class BudgetConfig(ProblemConfig):
    """The most that a search may take; see `problem.Budget`."""

    command: ClassVar[str] = "compare"
    budget_steps: Spent | None = setting(
        None, "The most gradient steps that a search may take.", "search", "N", True
    )
    budget_samples: Spent | None = setting(None, "The most samples that it may train on.", "search", "N")
    budget_passes: Spent | None = setting(None, "The most samples that it may send forward.", "search", "N")
    budget_seconds: Annotated[float, Field(gt=0)] | None = setting(
        None, "The most seconds that it may take.", "search", "S"
    )

    def budget(self) -> Budget:
        return Budget(self.budget_steps, self.budget_samples, self.budget_passes, self.budget_seconds)
