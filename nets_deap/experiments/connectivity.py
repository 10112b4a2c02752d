"""Linear mode connectivity: the error between two trained networks (Frankle et al. 2020, section 2).

The two are trainings of one ticket on different data orders, or of two tickets. If the error stays low on the
line between them, they lie in the same valley of the loss.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from nets_deap.experiments import unfinished
from nets_deap.networks.backends import make_network
from nets_deap.networks.scoring import evaluate
from nets_deap.networks.statistics import recompute
from nets_deap.parallel.protocol import Map
from nets_deap.problem.problem import Problem
from nets_deap.problem.ticket import Ticket
from nets_deap.training.final import check_ticket, to_go, train_ticket
from nets_deap.util.errors import NetsError
from nets_deap.util.schema import Number, Whole
from nets_deap.util.threads import one_thread

Row = dict[str, Any]


class Point(BaseModel):
    """The columns of connectivity.csv."""

    seed: Whole
    alpha: Number
    test_error: Number


OTHERS = 1_000_000  # added to a seed for the second data order of one ticket
POINTS = 30  # points on a line, including both ends (Lange & Sprekeler 2023)


def line(
    problem: Problem, first: tuple[np.ndarray, ...], second: tuple[np.ndarray, ...], points: int = POINTS
) -> list[Row]:
    """Rows `alpha`, `test_error`, `test_loss`, `val_error` of α W₁ + (1 − α) W₂, errors as of `Metric.error`.

    first, second: weights, float32[n], and extras, float32[m], which are interpolated too; but running
    statistics of batch normalisation are computed anew for each point, ends included, because those between
    two networks fit neither the mean nor the spread of what the network in between computes
    """
    architecture, data = problem.architecture, problem.data_on_device
    metric = architecture.criterion.metric
    rows = []
    with one_thread():
        for alpha in np.linspace(0, 1, points):
            weights, extras = (
                (alpha * one + (1 - alpha) * other).astype(np.float32)
                for one, other in zip(first, second, strict=True)
            )
            network = make_network(
                architecture, weights, weights != 0, problem.recipe, problem.torch_device, extras=extras
            )
            recompute(network, data.train.x, problem.recipe.batch_size)
            test = evaluate(network, data.test, data.cases)
            validation = evaluate(network, data.validation, data.cases)
            rows.append(
                {
                    "alpha": float(alpha),
                    "test_error": metric.error(test.accuracy),
                    "test_loss": test.loss,
                    "val_error": metric.error(validation.accuracy),
                }
            )
    return rows


def barrier(rows: Sequence[Row], of: str = "test_error") -> float:
    """max E(α W₁ + (1 − α) W₂) − ½ (E(W₁) + E(W₂)) (Lange & Sprekeler 2023)."""
    errors = [row[of] for row in sorted(rows, key=lambda row: row["alpha"])]
    return float(max(errors) - (errors[0] + errors[-1]) / 2)


def check(tickets: Sequence[Ticket], problem: Problem) -> None:
    """Raise NetsError if a ticket's network does not take this problem's data, or has no training left."""
    for ticket in tickets:
        check_ticket(problem, ticket)
        to_go(problem, ticket)


def connectivity(
    tickets: Sequence[Ticket],
    problem: Problem,
    seeds: Sequence[int],
    engine: Map,
    points: int = POINTS,
    on_line: Callable[[list[Row]], None] | None = None,
    folder: Path | None = None,
) -> list[Row]:
    """Rows of `line` for each seed, with a column `seed`.

    tickets: one, trained on the data orders of two seeds; or two, both trained on the order of one seed
    on_line: called with the rows of each line
    folder: where trainings stand that are cut short, and go on from
    Raises NetsError as `check` does, and for a training that diverges.
    """
    check(tickets, problem)
    of_seed = partial(_line, tickets=tickets, problem=problem, points=points)
    lines = unfinished.mapped(engine, of_seed, list(seeds), folder, lambda rows: rows[0]["seed"], on_line)
    return [row for rows in lines for row in rows]


def _line(seed: int, own: Path | None, tickets: Sequence[Ticket], problem: Problem, points: int) -> list[Row]:
    ends = []
    second = seed if len(tickets) > 1 else seed + OTHERS
    for end, (ticket, order) in enumerate(((tickets[0], seed), (tickets[-1], second))):
        training = partial(train_ticket, ticket, problem, order, track_test=False)
        run = unfinished.train(own and own / f"end-{end}", f"end {end}, seed {order}", training)
        if run.diverged:
            if own:
                unfinished.drop(own)
            raise NetsError(
                f"the training with seed {order} diverged, and no line leads there: take a lower `lr`"
            )
        ends.append((run.weights, run.extras))
    return [{"seed": seed, **row} for row in line(problem, ends[0], ends[1], points)]
