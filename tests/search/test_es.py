from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from deap import algorithms, base

from nets_deap.networks.masked_module import MaskedModule
from nets_deap.problem.budget import Budget
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.search.config import SearchConfig
from nets_deap.search.cycles import State
from nets_deap.search.es import ES, PRUNINGS
from nets_deap.search.method import initial
from nets_deap.search.registry import method_of, parse
from nets_deap.search.run import search as search_in_folder
from nets_deap.strategies import STRATEGIES
from nets_deap.strategies.openai_es import OpenAIES
from nets_deap.strategies.population_loss import PopulationLoss, Searched
from nets_deap.strategies.strategy import Point, centred_ranks, utilities
from nets_deap.util.errors import NetsError

DIGITS = Problem("digits", "mlp-100", Recipe("adam", 1.2e-3, 60), init="glorot")
FEW = replace(DIGITS, data_limit=300)
QUICK = "pop=8,gens=3,batch=50"
names = pytest.mark.parametrize("name", STRATEGIES)
FUNCTIONS = {
    "sphere": lambda x: (x**2).sum(axis=1),
    "ellipsoid": lambda x: (np.logspace(0, 3, x.shape[1]) * x**2).sum(axis=1),
}


# Strategies


@pytest.mark.parametrize("function", FUNCTIONS)
@names
def test_it_finds_a_known_optimum(name: str, function: str) -> None:
    loss, optimum = FUNCTIONS[function], np.linspace(-0.5, 0.5, 10)
    strategy = STRATEGIES[name](np.zeros(10), 0.03, 20, np.random.default_rng(0))
    start = loss(-optimum[None])[0]
    for _ in range(1500):
        strategy.tell(loss(strategy.ask() - optimum))
    # OpenAI's has one sigma for good, so that it ends that near.
    assert loss((strategy.mean - optimum)[None])[0] < (1e-2 if name == "openai-es" else 1e-6) * start


@names
def test_one_seed_one_search_and_sigmas_follow_the_curvature(name: str) -> None:
    means = []
    for _ in range(2):
        strategy = STRATEGIES[name](np.full(10, 0.1), 0.1, 20, np.random.default_rng(1))
        for _ in range(200):
            strategy.tell(FUNCTIONS["ellipsoid"](strategy.ask()))
        means.append(strategy.mean)
    assert (means[0] == means[1]).all()
    if name == "openai-es":
        assert (strategy.sigma == 0.1).all()
    else:
        assert strategy.sigma[:3].mean() > 2 * strategy.sigma[-3:].mean()


@names
def test_deap_runs_it(name: str) -> None:
    strategy = STRATEGIES[name](np.ones(5), 0.1, 10, np.random.default_rng(0))
    toolbox = base.Toolbox()
    toolbox.register("generate", strategy.generate)
    toolbox.register("update", strategy.update)
    toolbox.register("evaluate", lambda point: (float((point.vector**2).sum()),))
    population, _ = algorithms.eaGenerateUpdate(toolbox, ngen=60, verbose=False)
    assert len(population) == 10
    assert (strategy.mean**2).sum() < 0.5


@names
def test_what_a_strategy_cannot_do_is_refused(name: str) -> None:
    with pytest.raises(NetsError, match="a population of 2: expected 4 or more"):
        STRATEGIES[name](np.zeros(3), 0.1, 2)
    with pytest.raises(NetsError, match="sigma 0: expected more than 0"):
        STRATEGIES[name](np.zeros(3), 0.0, 8)
    if name in ("pgpe", "openai-es"):
        with pytest.raises(NetsError, match="its points come in pairs: take an even"):
            STRATEGIES[name](np.zeros(3), 0.1, 7)


def test_shaped_fitness_written_out() -> None:
    assert centred_ranks(np.array([3.0, 1.0, 2.0])).tolist() == [-0.5, 0.5, 0.0]
    # λ = 4: ln 3 − ln of the ranks 1 and 2, shares of their sum, less a quarter
    first, second = np.log(3), np.log(3 / 2)
    total = first + second
    expected = [-1 / 4, first / total - 1 / 4, second / total - 1 / 4, -1 / 4]
    np.testing.assert_allclose(utilities(np.array([9.0, 1.0, 2.0, 8.0])), expected)


# A population as a batch


@pytest.mark.parametrize("arch", ["mlp-100", "lenet-300-100", "cnn-8-16"])
def test_a_populations_losses_are_those_one_by_one(arch: str) -> None:
    problem = replace(FEW, arch=arch)
    rng = np.random.default_rng(0)
    mask = rng.random(problem.layout.size) < 0.5
    searched = Searched(problem.architecture, mask)
    part = problem.data.train
    loss = PopulationLoss(searched, part, 32, rng)
    loss.at_once = 2  # of five: two stacks, one of them smaller
    vectors = rng.normal(0, 0.1, (5, searched.places.size))
    chosen = np.arange(7, 39)
    found = loss.losses(vectors, chosen)
    for vector, value in zip(searched.write(vectors), found, strict=True):
        weights, extras = np.split(vector, [mask.size])
        assert (weights[~mask] == 0).all()
        network = MaskedModule(problem.architecture, weights, mask, problem.recipe, extras=extras)
        outputs = network.forward(part.x[chosen])
        targets = problem.architecture.targets(part.y[chosen], torch.float32)
        alone = problem.architecture.criterion.loss(outputs, targets).mean()
        assert value == pytest.approx(float(alone), rel=1e-4)


def test_all_points_of_a_generation_see_one_minibatch_and_the_next_one_another() -> None:
    searched = Searched(FEW.architecture, np.ones(FEW.layout.size, dtype=bool))
    point = Point(searched.read(initial(FEW, np.random.default_rng(0))[0]))
    loss = PopulationLoss(searched, FEW.data.train, 20, np.random.default_rng(0))
    first, second = loss.map(loss, [point, point]), loss.map(loss, [point])
    assert first[0] == first[1] != second[0]
    assert loss(point)[0] == pytest.approx(first[0][0], rel=0.2)  # of all samples


# Tickets


@names
def test_every_strategy_learns_digits(name: str) -> None:
    prune = "magnitude" if name == "openai-es" else "snr"
    method = ES(strategy=name, prune=prune, pop=64, gens=200, batch=128, rounds=1, track_test=True)
    found = method(DIGITS, Budget(), np.random.default_rng(0), 0.8)
    assert found.logbook[0]["val_acc"] >= 0.85
    assert found.logbook[0]["test_acc"] >= 0.85


def test_every_round_starts_from_the_first_weights_and_prunes_all_layers_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    starts: list[np.ndarray] = []
    train = ES.train

    def noted(self: ES, problem: Problem, weights: np.ndarray, *more: object, **options: object) -> object:
        starts.append(weights.copy())
        return train(self, problem, weights, *more, **options)

    monkeypatch.setattr(ES, "train", noted)
    ticket = method_of(parse(f"es:{QUICK},rounds=3"))(FEW, Budget(), np.random.default_rng(0), 0.3).ticket
    first = initial(FEW, np.random.default_rng(0))[0]
    assert len(starts) == 3
    assert all((start == first).all() for start in starts)
    shares = ticket.layout.densities(ticket.mask)
    assert abs(shares["fc1"] - shares["fc2"]) > 0.05


@pytest.mark.parametrize("prune", PRUNINGS)
def test_masks_only_shrink_and_weights_are_reset(prune: str) -> None:
    states: list[State] = []
    method = method_of(parse(f"es:{QUICK},rounds=3,prune={prune}"))
    found = method(FEW, Budget(), np.random.default_rng(0), 0.3, on_state=states.append)
    before = np.ones(FEW.layout.size, dtype=bool)
    for state in states:
        assert not (state.mask & ~before).any()
        before = state.mask
    assert found.ticket.mask.sum() == round(0.3 * FEW.layout.size)
    assert (found.ticket.weights == initial(FEW, np.random.default_rng(0))[0]).all()
    assert found.cost.gradient_steps == 0
    assert found.cost.forward_passes == 3 * (3 * 8 * 50 + len(FEW.data.validation.y))


def test_it_prunes_what_its_distribution_says() -> None:
    class Told(OpenAIES):
        sigma = np.array([1.0, 0.1, 1.0, 10.0])  # type: ignore[assignment]

    strategy = Told(np.array([1.0, -0.5, 0.2, 3.0]), 0.1, 4)
    rng = np.random.default_rng(0)
    assert np.argsort(PRUNINGS["snr"](strategy, rng)).tolist() == [2, 3, 0, 1]
    assert np.argsort(PRUNINGS["magnitude"](strategy, rng)).tolist() == [2, 1, 0, 3]


def test_rounds_prune_a_fifth_of_what_is_left_at_most() -> None:
    plan = ES().plan(FEW.layout, 0.8**15)
    assert len(plan) == 15
    ratios = np.array(plan) / np.array([FEW.layout.size, *plan[:-1]])
    np.testing.assert_allclose(ratios, 0.8, atol=2e-3)


def test_a_folder_goes_on_with_its_rounds() -> None:
    config = SearchConfig(
        arch="mlp-100", data_limit=300, density=0.5, method=f"es:{QUICK},rounds=3", track_test=True
    )
    whole = search_in_folder(config, Path("a"))
    search_in_folder(config, Path("b"))
    resumed = search_in_folder(config, Path("b"), from_cycle=1)
    assert (whole.ticket.mask == resumed.ticket.mask).all()
    kept = [[row[key] for key in ("val_loss", "test_acc", "density")] for row in whole.logbook]
    assert kept == [[row[key] for key in ("val_loss", "test_acc", "density")] for row in resumed.logbook]


def test_a_budget_of_passes_shortens_all_rounds_alike() -> None:
    validation = len(FEW.data.validation.y)
    budget = Budget(forward_passes=2 * (2 * 8 * 50 + validation) + 10)
    found = method_of(parse(f"es:{QUICK},rounds=2"))(FEW, budget, np.random.default_rng(0), 0.5)
    assert [row["forward_passes"] for row in found.logbook] == [800, 800]
    with pytest.raises(NetsError, match="takes no gradient steps, so that a budget of steps or samples does"):
        method_of(parse(f"es:{QUICK},rounds=2"))(FEW, Budget(samples=800), np.random.default_rng(0), 0.5)
    with pytest.raises(NetsError, match="the budget is too small for 2 rounds"):
        method_of(parse(f"es:{QUICK},rounds=2"))(
            FEW, Budget(forward_passes=800), np.random.default_rng(0), 0.5
        )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("es:strategy=openai-es", "one sigma for all weights"),
        ("es:strategy=cma", "unknown strategy 'cma': did you mean 'sep-cma-es'"),
        ("es:prune=size", "unknown pruning of an ES 'size'"),
        ("es:pop=2", "a population of 2: expected 4 or more"),
        ("es:pop=7,strategy=pgpe", "its points come in pairs"),
        ("es:gens=0", "gens=0: expected 1 or more"),
        ("es:rounds=0", "rounds=0: expected 1 or more"),
        ("es:share=1", "share=1: expected a share of the weights"),
        ("es:batch=-1", "batch=-1: expected 1 or more, or 0"),
        ("es:sigma=1e30", "sigma 1e.30: expected more than 0, and 1e.06 at most"),
    ],
)
def test_what_cannot_be_is_seen_before_anything_is_run(text: str, says: str) -> None:
    with pytest.raises(NetsError, match=says):
        method_of(parse(text)).check(FEW, 0.5)


def test_statistics_of_batches_are_refused() -> None:
    with pytest.raises(NetsError, match="wrn-10-1 normalises over batches, which an ES cannot"):
        method_of(parse("es")).check(replace(FEW, arch="wrn-10-1"), 0.5)


def test_a_budget_of_seconds_ends_a_round_between_generations() -> None:
    method = method_of(parse("es:pop=8,gens=1000000,batch=50,rounds=2"))
    found = method(FEW, Budget(seconds=1.0), np.random.default_rng(0), 0.5)
    passes = [row["forward_passes"] for row in found.logbook]
    assert len(passes) == 2
    assert all(0 < count < 8 * 50 * 1000000 and count % (8 * 50) == 0 for count in passes)
    assert found.cost.forward_passes == sum(passes) + 2 * len(FEW.data.validation.y)
