"""How a network is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from nets_deap.problem import schedule as schedules
from nets_deap.problem.optimizer import Optimizer
from nets_deap.problem.optimizer import parsed as parsed_optimizer

Augmentation = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    optimizer:     of `torch.optim`, with its arguments; see `problem.optimizer.parsed`
    epochs:        passes over the samples; ignored where iterations is set. 0 trains nothing
    iterations:    optimiser steps, or None
    batch_size:    samples per step; 0 means all
    data_fraction: share of the training samples to use, drawn anew for each training
    input_dropout: share of the inputs that are blanked in an evaluation
    augment:       whether to shift images by up to four pixels and mirror half of them, in training
                   only; or a function of (samples [b, *shape], numpy Generator) that returns other samples
    schedule:      the course of the learning rate; see `problem.schedule.parsed`
    clip:          the largest norm of a network's gradient; 0 is none. What is pruned is not in the norm
    label_smoothing: share of a target that is spread over all classes, in training only (Szegedy et al. 2016)
    begun, whole:  the part of a longer training that this is: steps before it, and steps in all

    Each training runs the whole schedule over its own length: an evaluation, a cycle of IMP, the final
    training. One that goes on from a rewound step goes on in the schedule, too.
    """

    optimizer: str = "sgd"
    lr: float = 1e-3
    batch_size: int = 60
    epochs: int = 1
    iterations: int | None = None
    data_fraction: float = 1.0
    input_dropout: float = 0.0
    augment: bool | Augmentation = False
    schedule: str = "constant"
    clip: float = 0.0
    label_smoothing: float = 0.0
    begun: int = 0
    whole: int | None = None

    @property
    def descent(self) -> Optimizer:
        """Raises NetsError for an optimiser that torch does not have, or arguments that it refuses."""
        return parsed_optimizer(self.optimizer)

    @property
    def constant(self) -> bool:
        """Does the learning rate stay as it is?"""
        return schedules.parsed(self.schedule).constant

    def rate(self, step: int, available: int) -> float:
        """The learning rate of a step, counted from 0, of a training on `available` samples."""
        whole = self.whole or self.begun + self.steps(available)
        course = schedules.parsed(self.schedule)
        return self.lr * course.factor(self.begun + step, whole, self.steps_per_epoch(available))

    def part(self, begun: int, steps: int, available: int) -> Recipe:
        """The recipe of so many steps of this training, after `begun` of them."""
        return replace(self, iterations=steps, begun=begun, whole=self.steps(available))

    def samples(self, available: int) -> int:
        """Training samples used, out of `available`."""
        return max(1, round(self.data_fraction * available))

    def steps_per_epoch(self, available: int) -> int:
        samples = self.samples(available)
        return -(-samples // (self.batch_size or samples))

    def steps(self, available: int) -> int:
        """Optimiser steps in all."""
        if self.iterations is not None:
            return self.iterations
        return self.epochs * self.steps_per_epoch(available)

    @property
    def trains(self) -> bool:
        """Has the training any step?"""
        return self.iterations != 0 if self.iterations is not None else self.epochs > 0

    def shortened(self, share: float, available: int) -> int:
        """Optimiser steps of this share of the training: at least one, unless it has none."""
        steps = self.steps(available)
        return min(steps, max(1, round(share * steps)))

    def samples_in(self, steps: int, available: int) -> int:
        """Samples used in `steps` steps; the last batch of an epoch may be smaller."""
        epochs, rest = divmod(steps, self.steps_per_epoch(available))
        samples = self.samples(available)
        return epochs * samples + min(rest * (self.batch_size or samples), samples)
