"""What a search takes is counted, and no search takes more than it may."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nets_deap.problem.budget import Budget, Cost, Meter
from nets_deap.search.imp import IMP
from nets_deap.util.errors import NetsError
from tests.search.methods import DIGITS, SMALL, TEXTS, search


def test_a_meter_counts_and_says_what_is_left() -> None:
    meter = Meter(Budget(gradient_steps=10, samples=300))
    meter.spend(4, 120, 150)
    assert replace(meter.cost, seconds=0) == Cost(4, 120, 150)
    assert meter.steps_left(60) == 3  # 180 samples are left
    assert meter.steps_left(10) == 6
    assert meter.affords(Cost(6, 180))
    assert not meter.affords(Cost(7))
    assert Meter(Budget()).steps_left(60) == np.inf
    assert Meter(Budget(seconds=1), Cost(seconds=2)).seconds_left() < 0


@pytest.mark.parametrize("budget", [Budget(22), Budget(samples=1400), Budget(forward_passes=2000)])
@pytest.mark.parametrize("text", ["imp", "imp-short"])
def test_imp_keeps_to_its_budget(text: str, budget: Budget) -> None:
    found = search(text, budget=budget)
    assert not found.cost.exceeds(budget)
    assert min(row["steps"] for row in found.logbook) >= 1
    assert found.ticket.mask.sum() == round(0.1 * DIGITS.layout.size)


def test_imp_shares_its_time_among_the_cycles() -> None:
    problem = replace(DIGITS, recipe=replace(DIGITS.recipe, epochs=10_000))
    found = IMP(cycles=3)(problem, Budget(seconds=1.5), np.random.default_rng(0), 0.1)
    assert 1 < found.cost.seconds < 5
    assert len(found.logbook) == 3
    assert min(row["steps"] for row in found.logbook) > 0


@pytest.mark.parametrize("budget", [Budget(5), Budget(samples=100), Budget(seconds=0.0)])
def test_a_budget_that_leaves_a_cycle_untrained_is_refused(budget: Budget) -> None:
    with pytest.raises(NetsError, match="too small for 11 cycles"):
        search("imp", budget=budget)


@pytest.mark.parametrize(
    ("text", "gradients"),
    [("snip", 1), ("snip:rounds=4", 4), ("grasp", 2), ("synflow", 0), ("prospr:steps=0,samples=1000", 1)],
)
def test_gradients_at_initialisation_are_counted_and_paid_for(text: str, gradients: int) -> None:
    cost = search(text).cost
    samples = gradients * len(DIGITS.data.train.y)
    passes = samples // 2 if text == "grasp" else samples  # its two gradients are of one pass
    assert (cost.gradient_steps, cost.samples, cost.forward_passes) == (gradients, samples, passes)
    search(text, budget=Budget(gradients))
    if gradients:
        with pytest.raises(NetsError, match="does not pay for"):
            search(text, budget=Budget(gradients - 1))


def test_evolution_keeps_to_its_budget() -> None:
    each = DIGITS.recipe.steps_per_epoch(len(DIGITS.data.train.y))
    found = search(TEXTS["nets"], budget=Budget(gradient_steps=6 * each))
    assert found.cost.gradient_steps <= 6 * each
    assert 1 <= len(found.logbook) <= 2
    with pytest.raises(NetsError, match="does not pay for a first population of 3"):
        search(TEXTS["nets"], budget=Budget(gradient_steps=each))


EXTRAS = ["race=2:3,pop=8,density_gens=0", "reevaluate=yes,elites=0", "restart_after=1,seeding=snip"]


@pytest.mark.parametrize("options", EXTRAS)
def test_no_economy_or_extra_of_an_evolution_breaks_its_budget(options: str) -> None:
    text = f"nets:{SMALL},density_gens=1,gens=6,mutate=prune/grow,{options}"
    whole = search(text).cost
    for share in (0.5, 0.7, 0.9):
        budget = Budget(forward_passes=int(share * whole.forward_passes))
        assert search(text, budget=budget).cost.forward_passes <= share * whole.forward_passes


def test_a_budget_that_ends_before_the_density_is_down_is_refused() -> None:
    each = DIGITS.recipe.steps_per_epoch(len(DIGITS.data.train.y))
    with pytest.raises(NetsError, match="the budget pays for 2 generations, and the density is down in gen"):
        search(f"nets:{SMALL},gens=6", budget=Budget(gradient_steps=10 * each))


def test_the_cost_of_an_evolution_is_that_of_its_evaluations() -> None:
    found = search(TEXTS["nets"])
    evaluations = sum(row["nevals"] for row in found.logbook)
    data = DIGITS.data
    assert found.cost.gradient_steps == sum(row["gradient_steps"] for row in found.logbook)
    trainings = found.cost.gradient_steps // DIGITS.recipe.steps_per_epoch(len(data.train.y))
    assert 9 - 2 <= trainings <= evaluations  # equal genomes train once
    assert found.cost.samples == trainings * len(data.train.y)
    assert found.cost.forward_passes == trainings * (len(data.train.y) + len(data.validation.y))
