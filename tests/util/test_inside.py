"""How far the work inside a step is: heard from loops and maps, whose results are what they are unheard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from nets_deap.evolution.run import Evolution
from nets_deap.parallel.processes import MultiprocessMap
from nets_deap.parallel.serial import SerialMap
from nets_deap.util import inside
from nets_deap.util.inside import Level


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """All is told, however fast it goes."""
    monkeypatch.setattr(inside, "OFTEN", 0.0)


class Heard(list[list[Level]]):
    def __call__(self, levels: Sequence[Level]) -> None:
        self.append(list(levels))


def loop(count: int) -> int:
    return sum(inside.counted("lap", range(count), count))


def test_a_loop_is_left_as_it_is_if_nobody_listens() -> None:
    laps = range(3)
    assert inside.counted("lap", laps, 3) is laps


@pytest.mark.usefixtures("often")
def test_a_map_tells_what_it_computes_and_the_loops_within() -> None:
    told = Heard()
    with inside.heard(told):
        assert SerialMap()(loop, [2, 1]) == [1, 0]
    first, second = Level("item", 0, 2, [2]), Level("item", 1, 2, [1])
    assert told == [
        [first], [first, Level("lap", 0, 2)], [first, Level("lap", 1, 2)],
        [second], [second, Level("lap", 0, 1)],
    ]  # fmt: skip
    SerialMap()(loop, [2])
    assert len(told) == 5


@pytest.mark.usefixtures("often")
def test_a_map_over_processes_tells_which_items_they_compute() -> None:
    told = Heard()
    with inside.heard(told), MultiprocessMap(2) as engine:
        assert engine(loop, [3, 2, 1]) == [3, 1, 0]
    assert {len(levels) for levels in told} == {1}  # the workers are not heard
    assert told[0] == [Level("item", 0, 3, [3, 2])]
    assert {item for (level,) in told for item in level.items} == {1, 2, 3}
    assert all(level.done + len(level.items) <= 3 for (level,) in told)


@pytest.mark.usefixtures("often")
def test_what_an_error_ends_is_no_longer_told() -> None:
    told = Heard()
    with inside.heard(told):
        with pytest.raises(ZeroDivisionError):
            SerialMap()(lambda item: 1 // item, [0])
        loop(1)
    assert told[-1] == [Level("lap", 0, 1)]


def test_a_listener_hears_a_few_times_a_second_only() -> None:
    told = Heard()
    with inside.heard(told):
        loop(10_000)
    assert 1 <= len(told) < 100


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("map_", ["serial", "batched"])
def test_an_evolution_is_the_same_whether_heard_or_not(map_: str, config: Callable[..., Any]) -> None:
    from nets_deap.evolution.maps import make_map

    def run() -> Evolution:
        evolution = Evolution.of(config(gens=2, map=map_), make_map(map_, None, "cpu"))
        for _ in range(3):
            evolution.advance()
        return evolution

    told, unheard = Heard(), run()
    with inside.heard(told):
        heard = run()
    assert np.array_equal(heard.best.weights, unheard.best.weights)
    assert [row["fitness_avg"] for row in heard.logbook] == [row["fitness_avg"] for row in unheard.logbook]
    units = {tuple(level.unit for level in levels) for levels in told}
    assert units >= (
        {("iteration",)} if map_ == "batched" else {("evaluation",), ("evaluation", "iteration")}
    )
