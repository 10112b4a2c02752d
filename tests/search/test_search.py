from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nets_deap.models.architecture import Architecture
from nets_deap.problem.budget import Budget
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.search.controls import CONTROLS
from nets_deap.search.method import initial
from nets_deap.search.registry import method_of, parse
from nets_deap.training.final import train_ticket
from tests.architectures import mlp
from tests.search.methods import DIGITS, EXACT, SIGNED, TEXTS, TICKETS, search


@pytest.mark.parametrize("density", [0.3, 0.01])
@pytest.mark.parametrize("name", EXACT)
def test_the_density_is_exact(name: str, density: float) -> None:
    found = search(TEXTS[name], density)
    assert found.ticket.mask.sum() == round(density * DIGITS.layout.size)
    assert found.logbook[-1]["density"] == found.ticket.density


@pytest.mark.parametrize("name", EXACT)
def test_one_seed_gives_every_method_the_same_weights_and_itself_the_same_ticket(name: str) -> None:
    found, again = search(TEXTS[name]), search(TEXTS[name])
    first = initial(DIGITS, np.random.default_rng(0))[0]
    if name in SIGNED:
        assert ((found.ticket.weights > 0) == (first > 0)).all()
    else:
        assert (found.ticket.weights == first).all()
    assert (found.ticket.mask == again.ticket.mask).all()
    assert replace(found.cost, seconds=0) == replace(again.cost, seconds=0)
    assert not (search(TEXTS[name], seed=1).ticket.mask == found.ticket.mask).all()


@pytest.mark.parametrize("name", TICKETS)
def test_no_pruned_weight_is_alive_after_training(name: str) -> None:
    ticket = search(TEXTS[name]).ticket
    run = train_ticket(ticket, DIGITS, seed=1, track_test=False)
    for weights in (run.weights, run.early_stop_weights):
        assert (weights[~ticket.mask] == 0).all()
        assert (weights != 0).any()
    assert run.density == ticket.density


class Own(Problem):
    """A problem whose network no name stands for."""

    @property
    def architecture(self) -> Architecture:
        return mlp((1, 8, 8), (74,), 10, "relu", "cross-entropy")


@pytest.mark.parametrize("name", TICKETS)
def test_every_method_searches_the_problem_that_it_is_given(name: str) -> None:
    problem = Own(recipe=DIGITS.recipe, data_limit=300)
    method, rng = method_of(parse(TEXTS[name])), np.random.default_rng(0)
    method.check(problem, 0.1)
    ticket = method(problem, Budget(), rng, 0.1).ticket
    assert (ticket.architecture, ticket.mask.size) == (problem.architecture, 74 * (64 + 10))


@pytest.mark.parametrize("name", CONTROLS)
def test_every_control_is_of_the_problem_that_it_is_given(name: str) -> None:
    problem = Own(recipe=DIGITS.recipe, data_limit=300)
    rng = np.random.default_rng(0)
    ticket = method_of(parse("random"))(problem, Budget(), rng, 0.1).ticket
    assert CONTROLS[name](ticket, problem, rng).architecture == problem.architecture


@pytest.mark.parametrize("density", [0.2, 0.01])
def test_synflow_empties_no_layer(density: float) -> None:
    assert min(DIGITS.layout.densities(search("synflow", density).ticket.mask).values()) > 0


def test_layer_densities_are_those_asked_for() -> None:
    density = (0.02 * 19_200 + 0.1 * 30_000 + 0.5 * 1000) / 50_200
    shares = DIGITS.layout.densities(search("random:allocation=0.02/0.1/0.5", density).ticket.mask)
    np.testing.assert_allclose(list(shares.values()), [0.02, 0.1, 0.5], atol=1e-4)
    uniform = DIGITS.layout.densities(search("magnitude:allocation=uniform").ticket.mask)
    np.testing.assert_allclose(list(uniform.values()), 0.1, atol=1e-3)


@pytest.mark.parametrize("text", ["magnitude:score=snip", "synflow:score=snip", "random:score=grasp"])
def test_a_score_that_needs_samples_gets_them(text: str) -> None:
    found = search(text)
    assert found.cost.gradient_steps > 0
    assert min(DIGITS.layout.densities(found.ticket.mask).values()) > 0


@pytest.mark.parametrize("density", [0.1, 0.375, 0.9])
@pytest.mark.parametrize(
    "text",
    ["imp:cycles=30,iterations=1", "synflow:allocation=uniform", "imp:cycles=100,exact=no,iterations=1"],
)
@pytest.mark.parametrize("dataset", ["xor-corners", "digits"])
def test_small_networks_and_many_rounds(dataset: str, text: str, density: float) -> None:
    tiny = dataset == "xor-corners"
    arch = "mlp-10" if tiny else "lenet-300-100"
    recipe = Recipe("adam", 0.05, 0, iterations=3)
    problem = Problem(dataset, arch, recipe, data_limit=None if tiny else 60)
    found = method_of(parse(text))(problem, Budget(), np.random.default_rng(0), density)
    if "exact=no" not in text:
        assert found.ticket.mask.sum() == round(density * problem.layout.size)
    assert min(problem.layout.densities(found.ticket.mask).values()) > 0
