"""Masks that gradients learn: edge-popup, Gem-Miner, concrete ticket search."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from nets_deap.data.dataset import Part
from nets_deap.models.architecture import Architecture
from nets_deap.models.initialisers import initial_std
from nets_deap.models.losses import Loss
from nets_deap.networks.backends import make_network
from nets_deap.networks.scoring import evaluate
from nets_deap.problem.budget import Budget
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.search.concrete_tickets import ConcreteTickets, Relaxed, balanced, divergence, pulled
from nets_deap.search.edge_popup import EdgePopup, TopScores
from nets_deap.search.gem_miner import GemMiner, Gems, freezings
from nets_deap.search.learned_masks import Beginning
from nets_deap.search.method import initial
from nets_deap.search.registry import method_of, parse, stretched
from nets_deap.util.errors import NetsError
from tests.architectures import mlp
from tests.search.methods import DIGITS, search

NAMES = ["edge-popup", "gem-miner", "cts"]
W = np.array([1, -2, 3, 9], dtype=np.float32)  # [[1, −2], [3, 9]]
X = torch.tensor([[2.0, 1.0]])


def beginning(recipe: Recipe) -> Beginning:
    return Beginning(two_by_two(), W, np.zeros(2, dtype=np.float32), recipe, 0.5, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("density", "penalty"), [(0.5, 1e-8), (0.2, 1e-5), (0.1, 1e-5), (0.04, 3e-5), (0.02, 1e-4)]
)
def test_gem_miners_penalty_is_its_authors_at_the_nearest_density(density: float, penalty: float) -> None:
    assert GemMiner().penalty_at(density) == penalty
    assert GemMiner(penalty=0.5).penalty_at(density) == 0.5


def two_by_two() -> Architecture:
    return mlp((2,), (), 2, "relu", "mse")


# |scores| keep −2 and 3: x gives (−2, 6) where (0, 4) is wanted. Errors (−2, 2) are ∂L/∂outputs, so
# ∂L/∂W = [[−4, −2], [4, 2]], and times W and the scores' signs (−4, −4, 12, 18).
@pytest.mark.parametrize(
    ("lr", "scores", "kept"),
    [(0.01, [0.14, -0.46, 0.18, 0.02], [0, 1, 1, 0]), (0.02, [0.18, -0.42, 0.06, -0.16], [1, 1, 0, 0])],
)
@pytest.mark.parametrize("counts", [2, np.array([2])])
def test_a_step_of_edge_popup_worked_out(
    lr: float, scores: list[float], kept: list[int], counts: int | np.ndarray
) -> None:
    first = np.array([0.1, -0.5, 0.3, 0.2], dtype=np.float32)
    network = TopScores(beginning(Recipe("sgd", lr)), first, counts)
    network.step(X, torch.tensor([[0.0, 4.0]]))
    assert network.outputs.tolist() == [[-2, 6]]
    np.testing.assert_allclose(network.scores(), scores, rtol=1e-5)
    assert network.mask(network.flat).tolist() == kept
    assert network.weights().tolist() == W.tolist()


# Rounded scores (1, 1, 0, 1): x gives (0, 9) where (1, 7) is wanted, so that ∂L/∂W = [[−2, −1], [4, 2]], and
# times W (−2, 2, 12, 18); the penalty adds twice itself times each score.
@pytest.mark.parametrize(
    ("lr", "penalty", "scores"),
    [
        (0.01, 0.0, [0.92, 0.58, 0.28, 0.62]),
        (0.01, 5.0, [0.83, 0.52, 0.24, 0.54]),
        (0.1, 0.0, [1.0, 0.4, 0.0, 0.0]),
    ],
)
def test_a_step_of_gem_miner_worked_out(lr: float, penalty: float, scores: list[float]) -> None:
    first = np.array([0.9, 0.6, 0.4, 0.8], dtype=np.float32)
    options = GemMiner(penalty=penalty)
    network = Gems(beginning(Recipe("sgd", lr)), first, options, {1: 2})
    network.step(X, torch.tensor([[1.0, 7.0]]))
    assert network.outputs.tolist() == [[0, 9]]
    np.testing.assert_allclose(network.scores(), scores, atol=1e-6)
    alive = [place in np.argsort(scores)[-2:] for place in range(4)]  # frozen to two, by the scores after it
    assert network.alive.tolist() == alive
    assert network.rows == [{"step": 1, "density": 0.5}]
    frozen, before = ~network.alive, network.scores()
    network.penalty = 0.0
    network.step(X, torch.tensor([[1.0, 7.0]]))
    assert (network.scores()[frozen] == before[frozen]).all()
    assert (network.mask(network.flat).numpy()[frozen] == 0).all()


def test_inverted_gem_miner_freezes_the_highest() -> None:
    first = np.array([0.9, 0.6, 0.4, 0.8], dtype=np.float32)
    options = GemMiner(penalty=0, invert=True)
    network = Gems(beginning(Recipe("sgd", 1e-6)), first, options, {1: 2})
    network.step(X, torch.tensor([[1.0, 7.0]]))
    assert network.alive.tolist() == [False, True, True, False]


def test_gem_miner_freezes_as_its_authors_code_does() -> None:
    # 150 epochs, frozen after every fifth but the last: 29 times, each by 1 − 0.0372^(1/29)
    layout, steps = DIGITS.layout, 150 * 390
    plan = freezings(GemMiner().plan(layout, 0.0372), steps)
    assert list(plan) == [5 * 390 * i for i in range(1, 30)]
    left = np.array([layout.size, *plan.values()])
    np.testing.assert_allclose(left[1:] / left[:-1], 0.0372 ** (1 / 29), rtol=1e-3)
    assert left[-1] == round(0.0372 * layout.size)
    assert max(freezings(GemMiner().plan(layout, 0.1), 7)) <= 7  # fewer steps than parts
    shares = [row["density"] for row in search("gem-miner", 0.1).logbook]
    assert shares == sorted(shares, reverse=True)


@pytest.mark.parametrize(
    ("density", "direction"),
    [
        (0.25, [3 + 5 / 2**0.5, 4 + 5 / 2**0.5]),  # twice too dense: both gradients have the norm 5
        (0.5, [3, 4]),
        (1.0, [3 - 2.5 / 2**0.5, 4 - 2.5 / 2**0.5]),  # half as dense as wanted: half of that, and up
    ],
)
def test_gradients_of_objective_and_density_in_balance(density: float, direction: list[float]) -> None:
    found = balanced(torch.tensor([3.0, 4.0]), torch.zeros(2), density)
    np.testing.assert_allclose(found, direction, rtol=1e-6)


def test_the_balance_of_the_authors_worked_out() -> None:
    slope, logits = torch.tensor([3.0, 4.0]), torch.zeros(2)  # norms: 5, and √2 / 4 of the density's gradient
    assert pulled(slope, logits, 0.45, None) == pytest.approx(5 / (2**0.5 / 4))  # 0.5 > 1.1 · 0.45
    assert pulled(slope, logits, 0.46, None) == 0  # 0.5 < 1.1 · 0.46
    assert pulled(slope, logits, 0.45, 1.0) == pytest.approx(0.99 + 0.01 * 5 / (2**0.5 / 4))
    assert pulled(slope, logits, 0.46, 1.0) == pytest.approx(0.99)
    given = beginning(Recipe())._replace(density=0.25)
    network = Relaxed(given, np.zeros(4, dtype=np.float32), ConcreteTickets(balance="one-sided"))
    slope, scores = torch.tensor([1.0, 1.0, 1.0, 1.0]), torch.zeros(4)
    assert network.direction(slope, scores).tolist() == [2, 2, 2, 2]  # 0.5 > 1.1 · 0.25: as long as the slope
    below = network.direction(slope, scores - 5)  # less than that: what was smoothed still pulls
    assert network.pull == pytest.approx(0.99 * 4)
    np.testing.assert_allclose(below, 1 + 0.99 * 4 * 0.006648, rtol=1e-4)  # σ(−5) (1 − σ(−5))


def test_a_one_sided_balance_begins_at_the_density() -> None:
    for density, kept in ((0.05, 0.05), (1.0, 0.999)):
        given = beginning(Recipe())._replace(density=density)
        scores = ConcreteTickets(balance="one-sided").network(given).scores()
        np.testing.assert_allclose(1 / (1 + np.exp(-scores)), kept, rtol=1e-5)


def test_divergences_worked_out() -> None:
    half_and_quarter = 0.5 * np.log(2) + 0.5 * np.log(2 / 3)  # KL((½, ½) ‖ (¼, ¾))
    ours, theirs = torch.zeros(3, 2), torch.log(torch.tensor([[0.25, 0.75]])).repeat(3, 1)
    assert float(divergence(Loss(), ours, theirs)) == pytest.approx(half_and_quarter)
    logits = torch.full((3, 2), float(np.log(3)))
    assert float(divergence(Loss("binary"), torch.zeros(3, 2), logits)) == pytest.approx(half_and_quarter)
    assert float(divergence(Loss("mse"), torch.zeros(3, 2), torch.full((3, 2), 2.0))) == 2
    places = torch.zeros(3, 2, 4), torch.zeros(3, 2, 4)
    assert float(divergence(Loss(), *places)) == 0


def test_a_concrete_mask_is_on_with_its_probability() -> None:
    logits = np.full(DIGITS.layout.size, np.log(0.3 / 0.7), dtype=np.float32)
    given = (DIGITS.architecture, logits, np.zeros(0, dtype=np.float32), DIGITS.recipe, 0.1)
    network = Relaxed(Beginning(*given, np.random.default_rng(0)), logits, ConcreteTickets())
    drawn = network.mask(network.flat)
    assert 0 <= float(drawn.min()) < 0.01
    assert 0.99 < float(drawn.max()) <= 1
    assert float((drawn > 0.5).float().mean()) == pytest.approx(0.3, abs=0.01)


def untrained(problem: Problem, weights: np.ndarray, mask: np.ndarray, part: Part) -> float:
    network = make_network(problem.architecture, weights, mask, problem.recipe)
    return evaluate(network, part, problem.data.cases).accuracy


def test_edge_popup_finds_a_network_that_needs_no_training() -> None:
    problem = replace(DIGITS, recipe=replace(DIGITS.recipe, epochs=20), data_limit=None)
    found = EdgePopup()(problem, Budget(), np.random.default_rng(0), 0.1)
    ticket, first = found.ticket, initial(problem, np.random.default_rng(0))[0]
    constant = initial_std(problem.layout, "kaiming") / np.sqrt(0.1)
    signed = np.where(first < 0, -constant, constant).astype(np.float32)
    assert ticket.weights.tobytes() == signed.tobytes()  # never trained
    assert (ticket.extras == problem.architecture.initial_extras).all()
    accuracy = untrained(problem, ticket.weights, ticket.mask, problem.data.test)
    shuffled = np.random.default_rng(1).permutation(ticket.mask)
    assert accuracy > 0.85
    assert untrained(problem, ticket.weights, shuffled, problem.data.test) < 0.4  # the mask has learnt it
    assert found.logbook[-1]["val_acc"] == untrained(
        problem, ticket.weights, ticket.mask, problem.data.validation
    )


def test_gem_miner_finds_one_as_well_and_inverted_it_does_not() -> None:
    problem = replace(DIGITS, recipe=replace(DIGITS.recipe, epochs=20), data_limit=None)
    methods = GemMiner(), GemMiner(invert=True)
    rows = [method(problem, Budget(), np.random.default_rng(0), 0.1).logbook[-1] for method in methods]
    assert rows[0]["val_acc"] > 0.6
    assert rows[1]["val_acc"] < 0.3


def test_cts_imitates_the_dense_network_better_than_a_random_mask() -> None:
    problem = replace(DIGITS, recipe=replace(DIGITS.recipe, epochs=20), data_limit=None)
    found = ConcreteTickets(rewind=30)(problem, Budget(), np.random.default_rng(0), 0.1)
    ticket, part = found.ticket, problem.data.test
    assert ticket.info["rewind"] == 30
    assert found.cost.gradient_steps == 30 + problem.recipe.steps(len(problem.data.train.y))
    shuffled = np.random.default_rng(1).permutation(ticket.mask)
    dense = untrained(problem, ticket.weights, np.ones_like(ticket.mask), part)
    assert dense > 0.8
    assert untrained(problem, ticket.weights, ticket.mask, part) > dense - 0.15
    assert untrained(problem, ticket.weights, shuffled, part) < 0.5


@pytest.mark.parametrize("name", NAMES)
def test_normalisations_are_not_trained_but_their_statistics_follow(name: str) -> None:
    problem = Problem("digits", "resnet-8", Recipe("adam", 1e-3, 30, iterations=3), data_limit=300)
    found = method_of(parse(name))(problem, Budget(), np.random.default_rng(0), 0.1)
    trained = problem.architecture.trained_extras
    first = problem.architecture.or_initial(initial(problem, np.random.default_rng(0))[1])
    assert trained
    assert (found.ticket.extras[:trained] == first[:trained]).all()
    assert not (found.ticket.extras[trained:] == first[trained:]).all()


def test_running_statistics_follow_the_masked_network_alone() -> None:
    """Also where a step sends its samples through the dense network, too."""
    problem = Problem("digits", "resnet-8", Recipe("adam", 1e-3, 30, iterations=3), data_limit=300)
    architecture, part = problem.architecture, problem.data.train
    rng = np.random.default_rng(0)
    weights, extras = initial(problem, rng)
    given = Beginning(architecture, weights, extras, problem.recipe, 0.1, rng)
    one, other = (ConcreteTickets(objective=objective).network(given) for objective in ("kl", "loss"))
    other.rng.bit_generator.state = one.rng.bit_generator.state  # the same masks
    for network in (one, other):
        network.step(part.x[:30], torch.eye(10)[part.y[:30]])
    np.testing.assert_array_equal(one.extras(), other.extras())
    assert not (one.extras() == architecture.or_initial(extras)).all()


def test_cts_counts_the_dense_networks_passes_where_it_takes_them() -> None:
    steps, counted = 8, []
    for objective in ("kl", "loss"):
        cost = search(f"cts:iterations={steps},objective={objective}").cost
        assert cost.gradient_steps == steps
        counted.append(cost.forward_passes - len(DIGITS.data.validation.y))
    assert counted[0] == 2 * counted[1] > 0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("budget", [Budget(7), Budget(samples=420), Budget(forward_passes=900)])
def test_a_learned_mask_keeps_to_its_budget(name: str, budget: Budget) -> None:
    found = search(name, budget=budget)
    assert not found.cost.exceeds(budget)
    most = 14 if budget.forward_passes and name != "cts" else 7  # it goes forward twice a step
    assert most - 4 <= found.cost.gradient_steps <= most
    with pytest.raises(NetsError, match=f"{name}: the budget is too small for a step"):
        search(name, budget=Budget(seconds=0.0))
    with pytest.raises(NetsError, match="too small"):
        search(name, budget=Budget(samples=59))


def test_a_learned_mask_is_stretched_to_equal_budgets() -> None:
    spec, why = stretched(parse("edge-popup"), DIGITS, [0.1], 23)
    assert (str(spec), why) == ("edge-popup:budget=23,iterations=23", "")
    assert method_of(spec)(DIGITS, Budget(), np.random.default_rng(0), 0.1).cost.gradient_steps == 23
    spec, _ = stretched(parse("cts:rewind=3"), DIGITS, [0.1], 23)
    assert method_of(spec)(DIGITS, Budget(), np.random.default_rng(0), 0.1).cost.gradient_steps == 23
    spec, why = stretched(parse("gem-miner:epochs=3"), DIGITS, [0.1], 10**6)
    assert (dict(spec.options), why) == ({"epochs": 3, "budget": 10**6}, "its length is given")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("edge-popup:lr=0", "lr=0: expected a number above 0"),
        ("edge-popup:epochs=2,iterations=3", "two ways"),
        ("edge-popup:epochs=0", "epochs=0: expected 1 or more"),
        ("edge-popup:signed=no", "scaled=yes is for signed weights"),
        ("edge-popup:allocation=none", "allocation"),
        ("gem-miner:rounds=1", "rounds=1: expected 2 or more"),
        ("gem-miner:penalty=-1", "penalty=-1: expected 0 or more"),
        ("cts:objective=mse", "objective of cts"),
        ("cts:temperature=0", "temperature=0"),
        ("cts:start_at=1", "start_at=1"),
        ("cts:balance=none", "balance of cts"),
        ("cts:rewind=-1", "step 0 or later"),
        ("cts:optimizer=none", "optimizer"),
        ("gem-miner:schedule=none", "schedule"),
    ],
)
def test_a_bad_option_of_a_learned_mask_is_one_line(text: str, told: str) -> None:
    with pytest.raises(NetsError, match=told) as error:
        method_of(parse(text)).check(DIGITS, 0.1)
    assert "\n" not in str(error.value)
