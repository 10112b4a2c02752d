"""Configs of experiments on tickets."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, model_validator

from nets_deap.config.base import BudgetConfig, Config, Count, Positive, ProblemConfig, Share
from nets_deap.util.errors import NetsError


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
    ] = Field([0.2])
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
