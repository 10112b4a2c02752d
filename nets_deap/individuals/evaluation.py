"""The results of an evaluation, and the DEAP fitness that follows from them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from deap import base

from nets_deap.util import sparse

AGAINST = DENSITY, UNTRAINED = "density", "untrained"  # what the other of two objectives can be
WORST = 1e9  # replaces a loss that is not finite: in DEAP, a NaN would beat everything


class MinimisedFitness(base.Fitness):
    """One number, the smaller the better."""

    weights = (-1.0,)


class ParetoFitness(base.Fitness):
    """(validation loss, density), or (validation loss, that of the untrained network); both are minimised."""

    weights = (-1.0, -1.0)


@dataclass(frozen=True)
class Evaluation:
    """The results of one evaluation on the validation set, after the brief training.

    val_loss:     mean loss per sample: nats for a cross-entropy, else a mean squared error
    val_acc, density: shares
    class_losses: mean loss of each class, the cases of lexicase selection
    generation:   the generation whose minibatches it was trained on
    fitness:      the scalar to be minimised; NaN until the fitness function has returned it
    values:       DEAP's fitness values: (fitness,), (val_loss, density) or (val_loss, untrained_loss)
    traces:       name in `pruning.traces.TRACES` -> float32[n], recorded for informed operators; never the
        trained weights
    gradient_steps: number of gradient steps that it took
    times:        number of evaluations of which the values are a mean
    planned: the density that was planned for its generation; None: no plan
    untrained_loss, untrained_acc: as val_loss and val_acc, before the training; None: nobody asked for them
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
    planned: float | None = field(default=None, compare=False)
    untrained_loss: float | None = None
    untrained_acc: float | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        values = {told.name: getattr(self, told.name) for told in fields(self)}
        values["traces"] = {name: sparse.packed(trace) for name, trace in self.traces.items()}
        return _unpickled, (type(self), *values.values())


def _unpickled(kind: type[Evaluation], *values: Any) -> Evaluation:
    evaluation = kind(*values)
    traces = {name: sparse.unpacked(told) for name, told in evaluation.traces.items()}
    return replace(evaluation, traces=traces)
