"""What an evaluation has measured, and the DEAP fitness that follows from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from deap import base

WORST = 1e9  # stands for a loss that is not finite: a NaN would beat everything in DEAP


class MinimisedFitness(base.Fitness):
    """One number, the smaller the better."""

    weights = (-1.0,)


class ParetoFitness(base.Fitness):
    """(validation loss, density), both to be minimised."""

    weights = (-1.0, -1.0)


@dataclass(frozen=True)
class Evaluation:
    """What one evaluation measured, after the brief training, on the validation set.

    val_loss:     mean loss of a sample: nats for a cross-entropy, else a mean squared error
    val_acc, density: shares
    class_losses: mean loss of each class, the cases of lexicase selection
    generation:   the generation whose minibatches it was trained on
    fitness:      the scalar to be minimised; NaN while a fitness function is still being asked for it
    values:       DEAP's fitness values: (fitness,) or (val_loss, density)
    traces:       name in `traces.TRACES` -> float32[n], what informed operators asked for; never the trained
        weights
    gradient_steps: that it took
    times:        evaluations that the numbers are a mean of
    """

    val_loss: float
    val_acc: float
    density: float
    class_losses: tuple[float, ...]
    generation: int
    fitness: float = math.nan
    values: tuple[float, ...] = ()
    traces: Mapping[str, np.ndarray] = field(default_factory=dict, compare=False, repr=False)
    gradient_steps: int = 0
    times: int = 1
