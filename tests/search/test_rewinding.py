"""What is rewound between cycles: weights, or the learning rate alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from nets_deap import Data, problem_of
from nets_deap.experiments import budgets, verdict
from nets_deap.experiments.comparison import compare
from nets_deap.parallel.serial import SerialMap
from nets_deap.problem.budget import Budget, Cost, Meter
from nets_deap.problem.recipe import Recipe
from nets_deap.problem.ticket import load_ticket
from nets_deap.search.cycles import State
from nets_deap.search.learning_rate_rewinding import LearningRateRewinding
from nets_deap.search.method import train_within
from nets_deap.search.registry import method_of, parse
from nets_deap.util.errors import NetsError
from tests.experiments.small import config
from tests.search.methods import DIGITS

# Sample i is √2 times the i-th unit vector, and its target √2 t_i: under the mean squared error of the four
# the gradient of w_i is w_i − t_i, so a step at rate 1/2 halves the distance of each weight to its t_i.
TARGETS, START = np.array([4.0, 3.0, -2.0, 1.0]), np.array([0.0, 1.0, 6.0, -7.0])
X = (np.sqrt(2) * np.eye(4)).astype(np.float32)
GIVEN = X, (np.sqrt(2) * TARGETS)[:, None].astype(np.float32)
LINE = problem_of(
    lambda: nn.Linear(4, 1, bias=False),
    Data.of(GIVEN, GIVEN, validation=GIVEN),
    loss="mse",
    recipe=Recipe("sgd", 0.5, 0, iterations=2),
)


def test_learning_rate_rewinding_worked_out() -> None:
    states: list[State] = []
    method = LearningRateRewinding(cycles=2)
    start = State(0, START.astype(np.float32), np.ones(4, dtype=bool), 7, [], Cost())
    found = method(LINE, Budget(), np.random.default_rng(0), 0.25, start, states.append)
    # Two steps leave a quarter of the distance: 3, 2.5, 0, −1; half of the weights stay
    np.testing.assert_allclose(states[0].rewound, [3, 2.5, 0, -1], atol=1e-6)
    assert states[0].mask.tolist() == [True, True, False, False]
    # Two more: a quarter of (1, 0.5) is left; one of them stays, with the value that it has now
    np.testing.assert_allclose(states[1].rewound, [3.75, 2.875, 0, 0], atol=1e-6)
    assert found.ticket.mask.tolist() == [True, False, False, False]
    assert (found.ticket.weights == states[1].rewound).all()
    assert found.cost.gradient_steps == 4


def test_each_retraining_runs_the_whole_schedule_again_on_trained_weights() -> None:
    problem = replace(DIGITS, recipe=replace(DIGITS.recipe, schedule="cosine"))
    method, states = LearningRateRewinding(cycles=3), []
    method(problem, Budget(), np.random.default_rng(0), 0.1, on_state=states.append)
    steps = problem.recipe.steps(len(problem.data.train.y))
    for before, after in pairwise(states):
        network = train_within(
            Meter(Budget()), problem.architecture, before.rewound, before.mask, problem.recipe,
            problem.data.train, np.random.default_rng([before.root, before.cycle]), steps,
        )  # fmt: skip
        assert (network.weights() == after.rewound).all()
    ratio = [state.mask.sum() for state in states]
    assert ratio[1] / ratio[0] == pytest.approx(ratio[2] / ratio[1], rel=0.01)  # of all layers together


def test_the_learning_rate_may_go_back_to_a_later_step() -> None:
    method = LearningRateRewinding(cycles=3, rewind=4)
    found = method(DIGITS, Budget(), np.random.default_rng(0), 0.1)
    steps = DIGITS.recipe.steps(len(DIGITS.data.train.y))
    assert found.cost.gradient_steps == steps + 2 * (steps - 4)
    assert found.ticket.info == {"method": "lrr", "cycles": 3, "rewind": 4, "trained": True}


def test_weights_are_rewound_to_a_share_of_the_training() -> None:
    problem = replace(DIGITS, recipe=replace(DIGITS.recipe, iterations=100))
    assert method_of(parse("imp-rewind")).rewinds_to(problem) == 3
    assert method_of(parse("imp-rewind:rewind=7")).rewinds_to(problem) == 7
    assert method_of(parse("imp-rewind:rewind_epochs=2")).rewinds_to(problem) == 10
    by_share = method_of(parse("imp:rewind_share=0.07,scope=global,cycles=2"))
    by_steps = method_of(parse("imp:rewind=7,scope=global,cycles=2"))
    ours, theirs = (m(problem, Budget(), np.random.default_rng(0), 0.1).ticket for m in (by_share, by_steps))
    assert (ours.mask == theirs.mask).all()
    assert (ours.weights == theirs.weights).all()


def test_a_comparison_counts_its_search_and_marks_it_as_no_ticket() -> None:
    settings = config(methods="imp:cycles=2,lrr:cycles=2", densities="0.2", seeds=1)
    rows = {row["method"]: row for row in compare(settings, Path("c"), SerialMap()).rows}
    imp, lrr = rows["imp:cycles=2"], rows["lrr:cycles=2"]
    for unit in ("gradient_steps", "samples", "forward_passes"):
        for part in ("search", "train"):
            assert imp[f"{part}_{unit}"] == lrr[f"{part}_{unit}"] > 0
    (path,) = Path("c/tickets").glob("lrr*.safetensors")
    with pytest.raises(NetsError, match="trained ones, of lrr"):
        verdict.check(load_ticket(path), settings.problem())


def test_equal_budgets_are_for_it_too() -> None:
    settings = config(methods="imp,lrr", densities="0.2", seeds=1, equal_budget=60)
    plan = budgets.plan(settings)
    assert [str(spec) for spec in plan.config.methods] == ["imp:budget=60", "lrr:budget=60"]
    summaries = compare(plan.config, Path("c"), SerialMap()).summaries()
    assert [summary.spent().used >= 54 for summary in summaries] == [True, True]
