"""A rewound training goes on in its schedule; every other one runs the whole of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nets_deap.problem.budget import Budget
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.search import method
from nets_deap.search.imp import IMP
from nets_deap.training.final import to_go


def test_cycles_of_imp_that_are_rewound(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = Recipe("sgd", 0.1, 20, iterations=30, schedule="cosine")
    problem = Problem("digits", "mlp-10", recipe, data_limit=200)
    available = len(problem.data.train.y)
    seen: list[Recipe] = []
    real = method.train

    def watched(network: Any, part: Any, recipe: Recipe, *more: Any) -> None:
        seen.append(recipe)
        real(network, part, recipe, *more)

    monkeypatch.setattr(method, "train", watched)
    found = IMP(cycles=2, rewind=10)(problem, Budget(), np.random.default_rng(0), 0.2)
    rates = [[one.rate(step, available) for step in range(one.steps(available))] for one in seen]
    whole = [recipe.rate(step, available) for step in range(30)]
    assert rates == [whole[:10], whole, whole[10:]]
    end = to_go(problem, found.ticket).recipe
    assert [end.rate(step, available) for step in range(end.steps(available))] == whole[10:]
