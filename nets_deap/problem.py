"""A problem: data set, architecture and training recipe. What every search method is given."""

from __future__ import annotations

import math
import time
from dataclasses import astuple, dataclass, field, replace
from typing import Any

import numpy as np

from nets_deap import data, models
from nets_deap.errors import NetsError
from nets_deap.genome import Layout, initial_std

# name -> torch's optimiser and its arguments beside the learning rate
OPTIMIZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {}),
    "momentum": ("SGD", {"momentum": 0.9}),
    "adam": ("Adam", {}),
}


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    epochs:        passes over the samples; ignored where iterations is set
    iterations:    optimiser steps, or None
    batch_size:    samples a step; 0 = all of them
    data_fraction: share of the training samples, drawn afresh for each training
    input_dropout: share of the inputs that are blank, in an evaluation
    augment:       shift images by up to four pixels and mirror half of them, in training only
    """

    optimizer: str = "sgd"
    lr: float = 1e-3
    batch_size: int = 60
    epochs: int = 1
    iterations: int | None = None
    data_fraction: float = 1.0
    input_dropout: float = 0.0
    augment: bool = False

    def samples(self, available: int) -> int:
        """Training samples used, of so many available."""
        return max(1, round(self.data_fraction * available))

    def steps_per_epoch(self, available: int) -> int:
        samples = self.samples(available)
        return -(-samples // (self.batch_size or samples))

    def steps(self, available: int) -> int:
        """Optimiser steps in all."""
        return self.iterations or self.epochs * self.steps_per_epoch(available)

    def samples_in(self, steps: int, available: int) -> int:
        """Samples that so many steps look at: the last batch of an epoch may be a smaller one."""
        epochs, rest = divmod(steps, self.steps_per_epoch(available))
        samples = self.samples(available)
        return epochs * samples + min(rest * (self.batch_size or samples), samples)


@dataclass(frozen=True)
class Cost:
    """What a search or a training took.

    gradient_steps: gradients of the loss on a minibatch
    samples:        training samples in them
    forward_passes: samples that went forward through a network, whether a gradient followed or not
    seconds:        of wall-clock time
    """

    gradient_steps: int = 0
    samples: int = 0
    forward_passes: int = 0
    seconds: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(*(ours + theirs for ours, theirs in zip(astuple(self), astuple(other), strict=True)))

    def exceeds(self, budget: Budget) -> bool:
        """Is this more than the budget allows?"""
        limits = zip(astuple(self), astuple(budget), strict=True)
        return any(limit is not None and spent > limit for spent, limit in limits)


@dataclass(frozen=True)
class Budget:
    """The most that a search may take, in any of a cost's units; None: as much as it likes."""

    gradient_steps: int | None = None
    samples: int | None = None
    forward_passes: int | None = None
    seconds: float | None = None


UNLIMITED = Budget()


class Meter:
    """What a search has spent of its budget so far; the clock runs from the start."""

    def __init__(self, budget: Budget, already: Cost = Cost()) -> None:
        self.budget = budget
        self._counted = replace(already, seconds=0.0)
        self._start = time.monotonic() - already.seconds

    @property
    def cost(self) -> Cost:
        return replace(self._counted, seconds=time.monotonic() - self._start)

    def spend(self, gradient_steps: int = 0, samples: int = 0, forward_passes: int = 0) -> None:
        self._counted += Cost(gradient_steps, samples, forward_passes)

    def affords(self, more: Cost) -> bool:
        """Is there enough left for this?"""
        return not (self.cost + more).exceeds(self.budget)

    def steps_left(self, batch: int, reserved_passes: int = 0) -> float:
        """Optimiser steps on so many samples that the rest of the budget allows; infinite without one.

        reserved_passes: forward passes that are needed for something else
        """
        cost, budget = self.cost, self.budget
        left = [
            (limit - spent) // each
            for limit, spent, each in (
                (budget.gradient_steps, cost.gradient_steps, 1),
                (budget.samples, cost.samples, batch),
                (budget.forward_passes, cost.forward_passes + reserved_passes, batch),
            )
            if limit is not None
        ]
        return max(0, min(left)) if left else math.inf

    def seconds_left(self) -> float:
        """Infinite without a limit."""
        limit = self.budget.seconds
        return math.inf if limit is None else limit - self.cost.seconds


@dataclass(frozen=True)
class Problem:
    """Names and numbers only, so that it pickles in a few bytes; the data is loaded once per process."""

    dataset: str = "digits"
    arch: str = "lenet-300-100"
    recipe: Recipe = field(default_factory=Recipe)
    init: str = "normal"
    data_dir: str = "data"
    download: bool = False
    data_limit: int | None = None
    validation: float = 0.1
    split_seed: int = 0

    @property
    def data(self) -> data.Data:
        """Raises NetsError where the files are missing."""
        return data.load(
            self.dataset, self.data_dir, self.download, self.data_limit, self.validation, self.split_seed
        )

    @property
    def architecture(self) -> models.Architecture:
        """Raises NetsError for samples that it cannot take, and for such as cannot be augmented."""
        shape = self.data.input_shape
        if self.recipe.augment and len(shape) != 3:
            raise NetsError(f"--augment wants images, and those of {self.dataset} are none: leave it out")
        return models.build(self.arch, shape, self.data.classes)

    @property
    def layout(self) -> Layout:
        return self.architecture.layout

    def initial_std(self) -> np.ndarray:
        """float32[n]: the standard deviation of each weight under this problem's initialiser."""
        return initial_std(self.layout, self.init)
