"""Networks whose masks move, whatever the rule: back ends, optimisers, and the early stop."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from nets_deap.networks.kernels import library
from nets_deap.networks.masked_module import MaskedModule
from nets_deap.networks.sparse_mlp import SparseMLP
from nets_deap.networks.sparse_module import SparseModule
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.search.method import initial
from nets_deap.search.moving import Course, Moved, Moving, Rule
from nets_deap.search.registry import method_of, parse
from nets_deap.training import loop
from nets_deap.training.final import train_network
from nets_deap.util.errors import NetsError
from tests.search.methods import MOVING

NAMES = MOVING
MODELS = ("lenet-300-100", "cnn-8-16", "wrn-10-1")


def problem_of(model: str, optimizer: str = "momentum", steps: int = 12) -> Problem:
    recipe = Recipe(optimizer, 3e-3, 30, iterations=steps, schedule="cosine")
    return Problem("digits", model, recipe, init="kaiming", data_limit=150)


class Given(Rule):
    """Masks that are given, one after every third step."""

    def __init__(self, masks: list[np.ndarray], watches: bool = False) -> None:
        self.masks, self.watches = masks, watches  # type: ignore[misc]

    def due(self, course: Course) -> bool:
        return course.step % 3 == 0 and course.step // 3 <= len(self.masks)

    def moved(self, network: Moving, x: torch.Tensor, targets: torch.Tensor) -> Moved:
        return Moved(self.masks[network.course.step // 3 - 1], 0)

    def watch(self, network: Moving, slope: np.ndarray) -> None: ...


def trained(problem: Problem, rule: Rule, mask: np.ndarray) -> Moving:
    weights, extras = initial(problem, np.random.default_rng(0))
    course = Course(0, 12, 5, 0.1)
    network = Moving(
        problem.architecture, weights, mask, problem.recipe, rule, course, np.random.default_rng(1), extras
    )
    loop.train(network, problem.data.train, problem.recipe, np.random.default_rng(2))
    return network


def connected(problem: Problem, density: float, rng: np.random.Generator) -> np.ndarray:
    """A random mask that cuts no node off: such nodes rest, and their momentum with them."""
    mask = rng.random(problem.layout.size) < density
    for _, part in problem.layout.split(mask):
        part[0], part[:, 0] = True, True
    return mask


@pytest.mark.parametrize(
    ("model", "optimizer"),
    # Where batches are normalised, Adam makes steps of rounding.
    [
        (m, o)
        for m in MODELS
        for o in ("sgd", "momentum", "adam", "rmsprop")
        if (m, o) != ("wrn-10-1", "adam")
    ],
)
def test_masks_move_alike_on_kernels_and_where_all_weights_are_there(model: str, optimizer: str) -> None:
    problem = problem_of(model, optimizer)
    rng = np.random.default_rng(3)
    masks = [connected(problem, density, rng) for density in (0.6, 0.1, 0.3, 0.05)]
    network = trained(problem, Given(masks[1:]), masks[0])
    whole = trained(problem, Given(masks[1:], watches=True), masks[0])
    assert type(whole._inner) is MaskedModule
    if library.available() and optimizer != "rmsprop":
        assert type(network._inner) is (SparseMLP if model == "lenet-300-100" else SparseModule)
    np.testing.assert_allclose(network.weights(), whole.weights(), atol=2e-5)
    np.testing.assert_allclose(network.extras(), whole.extras(), rtol=1e-4, atol=2e-5)
    assert not network.weights()[~masks[-1]].any()
    np.testing.assert_array_equal(network.explored, np.any(masks, axis=0))


@pytest.mark.parametrize("model", MODELS)
def test_an_update_that_changes_nothing_changes_nothing(model: str) -> None:
    problem = problem_of(model, "adam")
    mask = np.random.default_rng(3).random(problem.layout.size) < 0.1
    still = trained(problem, Given([]), mask)
    np.testing.assert_array_equal(trained(problem, Given([mask] * 4), mask).weights(), still.weights())


@pytest.mark.parametrize("kernels", [True, False])
@pytest.mark.parametrize("model", ["cnn-8-16", "wrn-10-1"])
def test_rigl_grows_by_the_dense_gradient_of_torch(
    model: str, kernels: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not kernels:
        monkeypatch.setattr(library, "available", lambda: False)
    problem = problem_of(model)
    method = method_of(parse("rigl:every=3,fraction=0.6,until=1"))
    weights, extras = initial(problem, np.random.default_rng(0))
    network = method.network(problem, weights, 0.1, np.random.default_rng(1), extras)
    architecture, data = problem.architecture, problem.data.train
    x, y = data.x[:30].float(), data.y[:30]
    targets = architecture.criterion.loss.targets(y, 10, torch.float32)
    for _ in range(2):
        network.step(x, targets)
    before, now = network.alive, network.weights()
    module = architecture.module()
    with torch.no_grad():
        named = architecture.named(torch.from_numpy(now), torch.from_numpy(network.extras()))
        module.load_state_dict(named, strict=False)
    module.train()
    functional.cross_entropy(module(x), y).backward()
    network.step(x, targets)
    parameters = dict(module.named_parameters())
    layout, share = problem.layout, 0.3 * (1 + np.cos(np.pi * 3 / 12))
    split = [layout.split(vector) for vector in (np.abs(now), before, network.alive)]
    for name, *parts in zip(architecture.parameters, *split, strict=True):
        slope = parameters[name].grad.abs().numpy().ravel()
        value, was, is_ = (part.ravel() for _, part in parts)
        moved = int(share * was.sum())
        active = np.flatnonzero(was)
        kept = np.zeros_like(was)
        kept[active[np.argsort(-value[active], kind="stable")[: was.sum() - moved]]] = True
        others = np.flatnonzero(~kept)
        grown = others[np.argsort(-slope[others])[:moved]]
        assert is_[kept].all()
        assert is_.sum() == was.sum()
        # Of gradients that rounding may put in another order, either may grow.
        least = slope[grown].min() if moved else np.inf
        assert (slope[is_ & ~kept] >= least * (1 - 1e-4)).all()
    assert network.updates[0]["moved"] > 0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("model", MODELS)
def test_every_network_ends_at_the_density_and_is_stopped_at_it(name: str, model: str) -> None:
    problem = problem_of(model)
    method = method_of(parse(f"{name}:every=3"))
    rng = np.random.default_rng(0)
    weights, extras = initial(problem, rng)
    network = method.network(problem, weights, 0.1, rng, extras)
    settled = method.settled(12)
    run = train_network(network, problem, 1, eval_every=1, track_test=False, settled=settled)
    assert network.alive.sum() == round(0.1 * weights.size)
    assert len(network.updates) >= 2
    assert not run.weights[~network.alive].any()
    assert run.early_stop["iteration"] >= settled
    assert (run.early_stop_weights != 0).mean() <= 0.1 + 1e-9
    assert len(run.rows) == 12


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("every", ["", ":every=2"])
def test_at_least_half_of_the_steps_train_in_short_trainings_too(name: str, every: str) -> None:
    method = method_of(parse(name + every))
    for steps in range(2, 120):
        courses = [Course(step, steps, steps, 0.1) for step in range(1, steps + 1)]
        instead = sum(map(method.due, courses)) if method.instead else 0
        assert instead <= steps / 2


def test_a_method_whose_updates_take_the_place_of_steps_refuses_one_at_every_step() -> None:
    problem = problem_of("lenet-300-100")
    for name in NAMES:
        method = method_of(parse(f"{name}:every=1"))
        if method.instead:
            with pytest.raises(NetsError, match=r"every=1.*expected 2 or more steps"):
                method.check(problem, 0.1)
        else:
            method.check(problem, 0.1)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("model", MODELS)
def test_a_training_that_diverges_has_a_result_and_its_mask_stays(name: str, model: str) -> None:
    problem = replace(problem_of(model), recipe=Recipe("sgd", 1e30, 30, iterations=40))
    method = method_of(parse(f"{name}:every=5"))
    rng = np.random.default_rng(0)
    weights, extras = initial(problem, rng)
    network = method.network(problem, weights, 0.1, rng, extras)
    steps = []
    inside = network.step

    def step(*arguments: Any) -> None:
        inside(*arguments)
        steps.append((np.isfinite(network.weights()).all(), network.alive))

    network.step = step  # type: ignore[method-assign]
    with np.errstate(all="ignore"):
        run = train_network(network, problem, 1, eval_every=1, track_test=False)
    assert run.diverged
    assert len(run.rows) == 40
    wild = [mask for finite, mask in steps if not finite]
    assert len(wild) > 5
    assert all((mask == wild[0]).all() for mask in wild)


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_decides_all(name: str) -> None:
    problem = problem_of("cnn-8-16")
    found = []
    for _ in range(2):
        rng = np.random.default_rng(0)
        network = method_of(parse(f"{name}:every=3")).network(problem, initial(problem, rng)[0], 0.2, rng)
        loop.train(network, problem.data.train, problem.recipe, rng)
        found.append(network.weights())
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("name", ["set:every=101", "rigl", "snfs:every=102", "set-itop:fewest=0,every=103"])
def test_a_mask_that_would_never_move_is_told(name: str) -> None:
    problem = problem_of("lenet-300-100")
    with pytest.warns(UserWarning, match=r"every 10\d steps.* stays as it is in a training of 12 steps"):
        method_of(parse(name)).check(problem, 0.1)


def test_snfs_moves_after_each_epoch_but_the_last_so_one_epoch_is_too_short() -> None:
    recipe = Recipe("sgd", 0.1, batch_size=20, epochs=1)
    problem = replace(problem_of("lenet-300-100"), recipe=recipe)
    steps = recipe.steps(len(problem.data.train.y))
    with pytest.warns(
        UserWarning, match=f"every {steps} steps stays as it is in a training of {steps} steps"
    ):
        method_of(parse("snfs")).check(problem, 0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        method_of(parse("snfs")).check(replace(problem, recipe=replace(recipe, epochs=2)), 0.1)


def test_short_trainings_of_itop_have_as_many_updates() -> None:
    method = method_of(parse("rigl-itop"))
    for steps, expected in ((88_000, 21), (21_000, 20), (100, 24)):
        courses = [Course(step, steps, 10, 0.1) for step in range(1, steps + 1)]
        assert sum(map(method.due, courses)) == expected


def test_itop_explores_to_the_end_with_half_of_the_weights() -> None:
    method = method_of(parse("set-itop:every=2,fewest=0"))
    assert (method.fraction, method.until) == (0.5, 1.0)
    assert (method_of(parse("set-itop")).every, method_of(parse("rigl-itop")).every) == (1500, 4000)
    problem = problem_of("lenet-300-100")
    network = method.network(
        problem, initial(problem, np.random.default_rng(0))[0], 0.1, np.random.default_rng(1)
    )
    loop.train(network, problem.data.train, problem.recipe, np.random.default_rng(2))
    assert [row["step"] for row in network.updates] == [2, 4, 6, 8, 10]
    shares = [row["explored"] for row in network.updates]
    assert 0.1 < shares[0] < shares[-1] == network.explored.mean()
    assert (np.diff(shares) > 0).all()
