"""The formula and the simulation of a generation, where the answer is known."""

from __future__ import annotations

import pytest

from .model import Costs
from .simulation import Trouble, simulate

COSTS = Costs(
    1.0, worker=0.01, task=0.004, client=0.01, sent=7e4, answered=7e4, bandwidth=12.5e6, latency=0.01
)


def test_one_worker_does_one_after_another() -> None:
    each = 1.0 + 0.01 + 0.004 + 2 * 0.01 + 1.4e5 / 12.5e6
    assert simulate(COSTS, 20, 1).seconds == pytest.approx(0.06 + 20 * (0.01 + each))
    assert COSTS.seconds(20, 1) == pytest.approx(0.06 + 20 * (0.01 + each), rel=0.01)


@pytest.mark.parametrize("workers", [1, 2, 7, 50, 300, 1000])
@pytest.mark.parametrize("population", [5, 100, 1000])
def test_the_formula_is_close_to_the_simulation(population: int, workers: int) -> None:
    assert COSTS.seconds(population, workers) == pytest.approx(
        simulate(COSTS, population, workers).seconds, rel=0.1
    )


def test_no_number_of_workers_makes_what_is_serial_faster() -> None:
    assert COSTS.seconds(1000, 1000) > 1000 * (0.01 + COSTS.serial)
    helping = COSTS.helping(1000)
    assert COSTS.seconds(1000, helping) < 1.1 * COSTS.seconds(1000, 1000)
    assert COSTS.seconds(1000, helping - 1) > 1.1 * COSTS.seconds(1000, 1000)


def test_every_genome_is_evaluated_though_workers_are_lost() -> None:
    told = simulate(COSTS, 200, 10, Trouble(losses=200.0, replaced=5.0))
    assert told.lost > 0
    assert told.seconds > simulate(COSTS, 200, 10).seconds
    assert told.used * 10 * told.seconds == pytest.approx(200 * (COSTS.evaluation + COSTS.worker))
