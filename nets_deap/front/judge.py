"""Train and verify tickets, from Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from nets_deap.evolution.maps import make_map
from nets_deap.experiments import verdict
from nets_deap.front.problems import expect, given_problem
from nets_deap.models.measure import Measure
from nets_deap.problem.ticket import Ticket
from nets_deap.training import final
from nets_deap.training.final import TrainingRun
from nets_deap.util import shown
from nets_deap.util.devices import of_a_run
from nets_deap.util.errors import NetsError, shortened

if TYPE_CHECKING:
    import pandas as pd


def train_ticket(
    ticket: Ticket,
    model: Any,
    data: Any = None,
    *,
    seed: int = 1,
    eval_every: int = 0,
    on_row: Callable[[dict[str, float]], None] | None = None,
    track_test: bool = True,
    **problem: Any,
) -> TrainingRun:
    """Train a ticket to the end; see `training.final.train_ticket`. `run.frame` is a table of the training.

    model, data: as in `problem_of`, which also takes loss, metric, recipe, init, prunable, validation and
        device
    """
    given = given_problem(model, data, problem)
    return final.train_ticket(ticket, given, seed, eval_every, on_row=on_row, track_test=track_test)


@dataclass(frozen=True)
class Verification:
    """The verdict on a ticket, and a table of all trainings behind it.

    measure: the metric that stands in the table as val_acc and test_acc, and times 100 in the verdict
    """

    verdict: verdict.Verdict
    frame: pd.DataFrame
    measure: Measure = field(default_factory=Measure)

    def __str__(self) -> str:
        return self.verdict.text

    def __repr__(self) -> str:
        return shown.angled(self._told())

    def _told(self) -> str:
        told = self.verdict
        difference = self.measure.between(told.better.mean, told.better.half_width, "+")
        better = f"{difference} {self.measure.points} better than dense"
        return f"Verification: {told.text}; density {told.density:.4f}, {better}, {told.seeds} seeds"

    def _repr_html_(self) -> str:
        return shown.line(self._told()) + self.frame.to_html(border=0, max_rows=shown.MOST_ROWS)


def verify(
    ticket: Ticket,
    model: Any,
    data: Any = None,
    *,
    seeds: int | Sequence[int] = 5,
    map: str = "serial",
    workers: int | None = None,
    scheduler: str | None = None,
    eval_every: int = 0,
    margin: float = 0.0,
    at_most: float = verdict.AT_MOST,
    **problem: Any,
) -> Verification:
    """Is a ticket a winning one? It is trained beside its dense network and its controls, on paired seeds.

    seeds: how many, from 1 on, or which; the others as in `experiments.verdict.verify` and `problem_of`
    """
    import pandas as pd

    given = given_problem(model, data, problem)
    expect("seeds", seeds, "how many, or which", Integral, Sequence, np.ndarray, functions=False)
    chosen = list(seeds if isinstance(seeds, Sequence | np.ndarray) else range(1, seeds + 1))
    whole = all(isinstance(each, Integral) and each >= 0 for each in chosen)
    if not whole or len(set(chosen)) < max(2, len(chosen)):
        raise NetsError(
            f"`seeds` {shortened(str(seeds), 80)}: expected how many, 2 or more, or as many different whole "
            "numbers from 0 on"
        )
    with make_map(map, workers, of_a_run(given.device, scheduler), scheduler=scheduler) as engine:
        found, rows = verdict.verify(ticket, given, chosen, engine, eval_every, margin, at_most)
    metric = Measure(str(given.architecture.criterion.metric))
    return Verification(found, pd.DataFrame(rows), metric)
