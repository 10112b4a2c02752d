"""How a network is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# name -> torch's optimiser and its arguments besides the learning rate
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
    batch_size:    samples per step; 0 means all
    data_fraction: share of the training samples to use, drawn anew for each training
    input_dropout: share of the inputs that are blanked in an evaluation
    augment:       whether to shift images by up to four pixels and mirror half of them, in training only
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
        """Training samples used, out of `available`."""
        return max(1, round(self.data_fraction * available))

    def steps_per_epoch(self, available: int) -> int:
        samples = self.samples(available)
        return -(-samples // (self.batch_size or samples))

    def steps(self, available: int) -> int:
        """Optimiser steps in all."""
        return self.iterations or self.epochs * self.steps_per_epoch(available)

    def samples_in(self, steps: int, available: int) -> int:
        """Samples used in `steps` steps; the last batch of an epoch may be smaller."""
        epochs, rest = divmod(steps, self.steps_per_epoch(available))
        samples = self.samples(available)
        return epochs * samples + min(rest * (self.batch_size or samples), samples)
