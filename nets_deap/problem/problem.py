"""A problem: data set, architecture and training recipe. Every search method starts from one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nets_deap.data import loading
from nets_deap.models import architecture, registry
from nets_deap.models.initialisers import initial_std
from nets_deap.models.layout import Layout
from nets_deap.problem.recipe import Recipe
from nets_deap.util.errors import NetsError


@dataclass(frozen=True)
class Problem:
    """A problem as names and numbers, which pickle to a few bytes. The data is loaded once per process."""

    dataset: str = "digits"
    arch: str = "lenet-300-100"
    recipe: Recipe = field(default_factory=Recipe)
    init: str = "normal"
    data_dir: str = "data"
    download: bool = False
    data_limit: int | None = None
    validation: float = 0.1
    split_seed: int = 0

    def fields(self) -> dict[str, Any]:
        """The fields of a config that decide the results of a training on this problem."""
        recipe = self.recipe
        return {
            "dataset": self.dataset,
            "data_limit": self.data_limit,
            "validation": self.validation,
            "split_seed": self.split_seed,
            "arch": self.arch,
            "init": self.init,
            "optimizer": recipe.optimizer,
            "lr": recipe.lr,
            "batch_size": recipe.batch_size,
            "epochs": recipe.epochs,
            "iterations": recipe.iterations,
            "augment": recipe.augment,
            "schedule": recipe.schedule,
            "clip": recipe.clip,
            "label_smoothing": recipe.label_smoothing,
        }

    @property
    def data(self) -> loading.Data:
        """The data set. Raises NetsError if its files are missing."""
        return loading.load(
            self.dataset, self.data_dir, self.download, self.data_limit, self.validation, self.split_seed
        )

    @property
    def architecture(self) -> architecture.Architecture:
        """The architecture. Raises NetsError for samples that it cannot take or that cannot be augmented, and
        for a minibatch of one sample where it needs two."""
        shape = self.data.input_shape
        if self.recipe.augment and len(shape) != 3:
            raise NetsError(f"`augment` wants images, and those of {self.dataset} are none: leave it out")
        made = registry.build(self.arch, shape, self.data.classes)
        if self.recipe.label_smoothing and made.loss != "cross-entropy":
            raise NetsError(
                f"`label_smoothing` goes with cross-entropy, not with the {made.loss} of {self.arch}"
            )
        if made.needs_two:
            self._check_minibatches()
        return made

    def _check_minibatches(self) -> None:
        """Raise NetsError if a minibatch has one sample."""
        samples = self.recipe.samples(len(self.data.train.y))
        batch = min(self.recipe.batch_size or samples, samples)
        if 1 in (batch, samples % batch):
            raise NetsError(
                f"`batch_size` {self.recipe.batch_size} of {samples:,} samples leaves a minibatch of one, "
                f"which {self.arch} cannot normalise: take another"
            )

    @property
    def layout(self) -> Layout:
        return self.architecture.layout

    def initial_std(self) -> np.ndarray:
        """float32[n]: the standard deviation of each weight under this problem's initialiser."""
        return initial_std(self.layout, self.init)
