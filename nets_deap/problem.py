"""A problem: data set, architecture and training recipe. What every search method is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nets_deap import data, models
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
    """

    optimizer: str = "sgd"
    lr: float = 1e-3
    batch_size: int = 60
    epochs: int = 1
    iterations: int | None = None
    data_fraction: float = 1.0

    def samples(self, available: int) -> int:
        """Training samples used, of so many available."""
        return max(1, round(self.data_fraction * available))

    def steps_per_epoch(self, available: int) -> int:
        samples = self.samples(available)
        return -(-samples // (self.batch_size or samples))

    def steps(self, available: int) -> int:
        """Optimiser steps in all."""
        return self.iterations or self.epochs * self.steps_per_epoch(available)


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
        return models.build(self.arch, self.data.input_shape, self.data.classes)

    @property
    def layout(self) -> Layout:
        return self.architecture.layout

    def initial_std(self) -> np.ndarray:
        """float32[n]: the standard deviation of each weight under this problem's initialiser."""
        return initial_std(self.layout, self.init)
