"""A budget of seconds is kept to within one evaluation by every method."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from nets_deap.parallel.processes import MultiprocessMap
from nets_deap.parallel.serial import SerialMap
from nets_deap.problem.budget import Budget, Meter
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.search.registry import method_of, parse
from nets_deap.search.timed import TimeIsUpError, timed
from nets_deap.util.errors import NetsError

SECONDS, SLACK = 0.5, 2.0  # an evaluation here takes a tenth of a second
PROBLEM = Problem(recipe=Recipe("adam", 1.2e-3, epochs=200))


@pytest.mark.parametrize(
    "method",
    [
        "weedout:pop=200",
        "weedout:gens=100000",
        "node-evolution:gens=100000",
        "nets:pop=200",
        "nets:pop=2,gens=100000,density_gens=1",
        "imp:cycles=2",
        "imp:cycles=2,rewind=4000",
        "es:gens=100000",
        "grasp:rounds=1000",
        "gem-miner:epochs=100000",
    ],
)
def test_seconds_are_kept(method: str) -> None:
    found = method_of(parse(method))
    _ = PROBLEM.data  # loading is not part of a search
    start = time.monotonic()
    with suppress(NetsError):  # too small a budget is one
        cost = found(PROBLEM, Budget(seconds=SECONDS), np.random.default_rng(0), 0.3).cost
        assert cost.seconds < SECONDS + SLACK
    assert time.monotonic() - start < SECONDS + 2 * SLACK


def _slow(item: int) -> int:
    time.sleep(0.05)
    return item


@pytest.mark.parametrize("engine", [SerialMap, lambda: MultiprocessMap(1)])
def test_a_timed_map_ends_between_two_evaluations(engine: Any) -> None:
    with engine() as made:
        assert timed(made, Meter(Budget())) is made
        assert timed(made, Meter(Budget(seconds=60)))(_slow, range(3)) == [0, 1, 2]
        assert timed(made, Meter(Budget(seconds=1e-9)))(_slow, [5]) == [5]  # nothing is left to do
        with pytest.raises(TimeIsUpError):
            timed(made, Meter(Budget(seconds=0.1)))(_slow, range(1000))
