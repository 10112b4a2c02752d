"""Train a ticket to the end: the verdict on every ticket, whichever method found it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from nets_deap.models import catalogue
from nets_deap.models.layout import INITIAL
from nets_deap.models.measure import Measure
from nets_deap.networks import statistics
from nets_deap.networks.backends import make_network
from nets_deap.networks.protocol import Network
from nets_deap.networks.scoring import Score, evaluate
from nets_deap.problem.problem import Problem
from nets_deap.problem.ticket import Ticket
from nets_deap.training.draws import Draws
from nets_deap.training.loop import assert_masked, train
from nets_deap.training.standing import Standing
from nets_deap.util import shown
from nets_deap.util.errors import NetsError
from nets_deap.util.random_streams import Role, generator
from nets_deap.util.threads import one_thread

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, float]


@dataclass(frozen=True)
class TrainingRun:
    """The result of training one ticket to the end.

    rows: one per evaluation, as in training.csv
    test: the test score of the early-stop weights
    weights, early_stop_weights: float32[n], at the end and at the least validation loss
    extras, early_stop_extras: float32[m], biases and normalisations at the same two points
    measure: what `val_acc` and `test_acc` measure
    rewound_to: the training step that the ticket's weights come from; `rows` count iterations from there
    settled: the step from which the network has its density: no row before it is the early stop
    """

    density: float
    rows: list[Row]
    test: Score
    weights: np.ndarray = field(repr=False)
    early_stop_weights: np.ndarray = field(repr=False)
    extras: np.ndarray = field(default_factory=lambda: INITIAL, repr=False)
    early_stop_extras: np.ndarray = field(default_factory=lambda: INITIAL, repr=False)
    rewound_to: int = 0
    measure: Measure = field(default_factory=Measure)
    settled: int = 0

    @property
    def early_stop(self) -> Row:
        """The row of least validation loss, the first in a tie. A NaN is never the least."""
        rows = [row for row in self.rows if row["iteration"] >= self.settled]
        return min(rows, key=lambda row: np.nan_to_num(row["val_loss"], nan=np.inf))

    @property
    def diverged(self) -> bool:
        """Has the training left the finite numbers, in its figures or in its weights?"""
        figures = [*self.early_stop.values(), *self.final.values(), self.test.loss]
        return not (np.isfinite(figures).all() and np.isfinite(self.weights).all())

    @property
    def final(self) -> Row:
        return self.rows[-1]

    @property
    def frame(self) -> pd.DataFrame:
        """`rows` as a table of pandas."""
        import pandas as pd

        return pd.DataFrame(self.rows)

    def __repr__(self) -> str:
        return shown.angled(self._told())

    def _told(self) -> str:
        stop = f"early stop at {self.rewound_to + self.early_stop['iteration']:.0f}"
        figures = {"test": self.test.accuracy, "val": self.early_stop["val_acc"]}
        accuracies = ", ".join(self.measure.column(of, value) for of, value in figures.items())
        diverged = ", diverged" if self.diverged else ""
        return f"TrainingRun at density {self.density:.4f}: {accuracies}, {stop}{diverged}"

    def _repr_html_(self) -> str:
        stop = self.early_stop | {"test_loss": self.test.loss, "test_acc": self.test.accuracy}
        columns = [name for name in ("val_loss", "val_acc", "test_loss", "test_acc") if name in stop]
        rows = [
            [name, int(self.rewound_to + row["iteration"]), *(row.get(column, "") for column in columns)]
            for name, row in {"early stop": stop, "at the end": self.final}.items()
        ]
        return shown.table(self._told(), ["", "iteration", *columns], rows)

    def summary(self) -> dict[str, float]:
        """Density, early stop and scores of a trained ticket; the test figures there are its verdict."""
        stop, end = self.early_stop, self.final
        told = {
            "density": self.density,
            "early_stop_iteration": self.rewound_to + stop["iteration"],
            "val_loss": stop["val_loss"],
            "val_acc": stop["val_acc"],
            "test_loss": self.test.loss,
            "test_acc": self.test.accuracy,
        }
        if "test_loss" in end:
            told |= {"final_test_loss": end["test_loss"], "final_test_acc": end["test_acc"]}
        return told


def rewound_to(ticket: Ticket) -> int:
    """The training step that the ticket's weights were rewound to; 0 if they are initial weights."""
    return int(ticket.info.get("rewind", 0))


def to_go(problem: Problem, ticket: Ticket) -> Problem:
    """The problem with the training steps that are left for the ticket.

    A ticket with the weights of step k has k steps fewer to go (Frankle et al. 2020, section 2).
    Raises NetsError if none are left.
    """
    if not (k := rewound_to(ticket)):
        return problem
    steps = problem.recipe.steps(len(problem.data.train.y))
    if steps <= k:
        raise NetsError(
            f"the ticket's weights are those of step {k}, which leaves nothing of a training of {steps} "
            "steps: ask for a longer one"
        )
    return replace(problem, recipe=problem.recipe.part(k, steps - k, len(problem.data.train.y)))


def check_ticket(problem: Problem, ticket: Ticket) -> None:
    """Raise NetsError if the ticket and the problem have different networks: other names in the registry, or
    other weights."""
    ours, theirs = problem.architecture, ticket.architecture
    if theirs.sizes != ours.sizes and theirs.name == ours.name:
        raise NetsError(
            f"the ticket is for a smaller {theirs.name}, of {theirs.layout.size:,} weights: train it as the "
            "module that apply_to gives, or train the ticket that it was made from"
        )
    named = all(not catalogue.is_own(each.name) for each in (ours, theirs))
    if not ours.same_shapes(theirs) or (named and ours.name != theirs.name):
        raise NetsError(
            f"the ticket is for {theirs.name} with inputs {theirs.input_shape} and {theirs.outputs} outputs, "
            f"but {problem.dataset_name} needs {ours.name} with inputs {ours.input_shape} and {ours.outputs}"
        )


def train_ticket(
    ticket: Ticket,
    problem: Problem,
    seed: int,
    eval_every: int = 0,
    *,
    on_row: Callable[[Row], None] | None = None,
    track_test: bool = True,
    begun: Standing | None = None,
    on_standing: Callable[[Standing], None] | None = None,
    due: Callable[[], bool] | None = None,
) -> TrainingRun:
    """Train a ticket by the problem's recipe and score it every `eval_every` iterations (0: once an epoch).

    A recipe without a step leaves it untrained, with running statistics of training samples, and there is one
    row, of iteration 0.

    track_test: record test figures in every row. They influence nothing. Without them, the test set is used
        only once, with the early-stop weights
    begun: where the same training stood, to go on from there; on_standing: called with where it stands, after
        each evaluation, or after those where `due` says so, as a copy of all that takes time

    The minibatches depend on the seed alone, so all tickets are compared on the same ones. The early stop is
    the evaluation with the least validation loss.
    Raises NetsError as `check_ticket` and `to_go` do.
    """
    check_ticket(problem, ticket)
    problem = to_go(problem, ticket)
    network = make_network(
        problem.architecture,
        ticket.weights,
        ticket.mask,
        problem.recipe,
        problem.torch_device,
        extras=ticket.extras,
    )
    run = train_network(
        network,
        problem,
        seed,
        eval_every,
        on_row=on_row,
        track_test=track_test,
        begun=begun,
        on_standing=on_standing,
        due=due,
    )
    for weights in (run.weights, run.early_stop_weights):
        assert_masked(ticket.architecture, weights, ticket.mask)
    return replace(run, density=ticket.density, rewound_to=rewound_to(ticket))


def train_network(
    network: Network,
    problem: Problem,
    seed: int,
    eval_every: int = 0,
    *,
    on_row: Callable[[Row], None] | None = None,
    track_test: bool = True,
    begun: Standing | None = None,
    on_standing: Callable[[Standing], None] | None = None,
    due: Callable[[], bool] | None = None,
    settled: int = 0,
) -> TrainingRun:
    """`train_ticket` for a network that is already built, with any back end, on the problem's device.

    settled: the step from which the network has its density; it is not stopped before
    """
    recipe = problem.recipe
    data = problem.data_on_device
    per_epoch = recipe.steps_per_epoch(len(data.train.y))
    rows: list[Row] = []
    best = np.inf
    start = time.monotonic()
    rng, template = generator(seed, 0, Role.FINAL_TRAINING), network.architecture.template
    draws = Draws(rng, recipe, template, *((begun.step, begun.draws) if begun else ()))
    with one_thread():
        early_stop = network.weights(), network.extras()
        if begun:
            rows, best, early_stop = begun.rows.copy(), begun.best(settled), begun.early_stop
            begun.restore(network)
            start -= rows[-1]["elapsed_s"]

        def score(iteration: int, train_loss: float) -> None:
            nonlocal best, early_stop
            validation = evaluate(network, data.validation, data.cases)
            row = {
                "epoch": iteration / per_epoch if iteration % per_epoch else iteration // per_epoch,
                "iteration": iteration,
                "train_loss": train_loss,
                "val_loss": validation.loss,
                "val_acc": validation.accuracy,
            }
            if track_test:
                test = evaluate(network, data.test, data.cases)
                row |= {"test_loss": test.loss, "test_acc": test.accuracy}
            rows.append(row | {"elapsed_s": time.monotonic() - start})
            judged = [row for row in rows if row["iteration"] >= settled]
            if judged and (len(judged) == 1 or validation.loss < best):
                early_stop = network.weights(), network.extras()
                best = np.nan_to_num(validation.loss, nan=np.inf)
            if on_row:
                on_row(rows[-1])
            if on_standing and (due is None or due()):
                on_standing(Standing.of(network, iteration, rows, early_stop, draws.standing()))

        if not recipe.trains:  # the network is judged as it is
            statistics.recompute(network, data.train.x, recipe.batch_size, statistics.BRIEF)
            score(0, evaluate(network, data.train, data.cases).loss)
        train(network, data.train, recipe, draws, score, eval_every or per_epoch)
        stopped = make_network(
            network.architecture,
            early_stop[0],
            early_stop[0] != 0,
            recipe,
            problem.torch_device,
            extras=early_stop[1],
        )
        test = evaluate(stopped, data.test, data.cases)
    weights = network.weights()
    density = float(np.mean(weights != 0))
    metric = Measure(str(network.architecture.criterion.metric))
    extras = network.extras(), early_stop[1]
    return TrainingRun(density, rows, test, weights, early_stop[0], *extras, measure=metric, settled=settled)
