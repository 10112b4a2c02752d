from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nets_deap.models.mlp import MLP
from nets_deap.problem.budget import Budget, Cost, Meter
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.search.controls import CONTROLS, lineage_search
from nets_deap.search.cycles import State
from nets_deap.search.imp import IMP, densities_after, rate_for
from nets_deap.search.method import Found, Row, initial_weights
from nets_deap.search.registry import METHODS, gives_ticket, method_of, parse, parse_all
from nets_deap.search.sparse_training import Dynamic, DynamicMLP
from nets_deap.search.spec import MethodSpec
from nets_deap.training.final import train_network, train_ticket
from nets_deap.util.errors import NetsError

DIGITS = Problem("digits", "lenet-300-100", Recipe("adam", 1.2e-3, 60, epochs=2), data_limit=300)
RESULTS = Path(__file__).parents[2] / "results"
SMALL = "pop=3,gens=2,epochs=1"
FEW = "pop=4,gens=1,batch=20,rounds=2"
TEXTS = {name: f"{name}:{SMALL}" if name.startswith("nets") else name for name in METHODS}
TEXTS |= {name: f"{name}:{FEW}" for name in ("es", "es-paper")}
NODES = ("weedout", "node-evolution", "random-nodes")
TICKETS = [name for name in METHODS if gives_ticket(parse(name))]
EXACT = [name for name in TICKETS if name not in ("dense", "nets", "nets-paper", "random-paper", *NODES)]


def search(text: str, density: float = 0.1, seed: int = 0, budget: Budget = Budget()) -> Found:  # noqa: B008
    return method_of(parse(text))(DIGITS, budget, np.random.default_rng(seed), density)


def timeless(row: Row) -> Row:
    return {key: value for key, value in row.items() if not key.endswith("_s")}


@pytest.mark.parametrize("density", [0.3, 0.01])
@pytest.mark.parametrize("name", EXACT)
def test_the_density_is_exact(name: str, density: float) -> None:
    found = search(TEXTS[name], density)
    assert found.ticket.mask.sum() == round(density * DIGITS.layout.size)
    assert found.logbook[-1]["density"] == found.ticket.density


@pytest.mark.parametrize("name", EXACT)
def test_one_seed_gives_every_method_the_same_weights_and_itself_the_same_ticket(name: str) -> None:
    found, again = search(TEXTS[name]), search(TEXTS[name])
    assert (found.ticket.weights == initial_weights(DIGITS, np.random.default_rng(0))).all()
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
    def architecture(self) -> MLP:
        return MLP("own", (1, 8, 8), (74,), 10, "relu", "cross-entropy")


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


# IMP


def test_seven_cycles_of_the_paper() -> None:
    layout = Problem("digits").layout
    after = densities_after(layout, 0.2, 7)
    np.testing.assert_allclose(after, [0.8**7, 0.8**7, 0.9**7])
    assert IMP(cycles=7, exact=False).plan(layout, 0.5)[-1].sum() == round((after * layout.sizes).sum())


def test_the_rate_that_reaches_a_density() -> None:
    layout = Problem("digits").layout
    reached = (densities_after(layout, rate_for(layout, 0.05, 14), 14) * layout.sizes).sum() / layout.size
    assert reached == pytest.approx(0.05, abs=1e-9)


def test_where_all_layers_compete_every_cycle_prunes_the_same_share() -> None:
    size = DIGITS.layout.size
    plan = IMP(cycles=6, scope="global").plan(DIGITS.layout, 0.05)
    ratio = round(0.05 * size) / size
    np.testing.assert_allclose(plan, [size * ratio ** (i / 6) for i in range(1, 7)], atol=1)


@pytest.mark.parametrize("text", ["imp", "imp:scope=global", "imp:cycles=1", "imp:rewind=3", "imp:cycles=30"])
def test_masks_only_shrink_and_weights_are_rewound(text: str) -> None:
    method, states = method_of(parse(text)), []
    rng = np.random.default_rng(0)
    found = method(DIGITS, Budget(), rng, 0.1, on_cycle=states.append)
    previous = np.ones(DIGITS.layout.size, dtype=bool)
    for state in states:
        assert not (state.mask & ~previous).any()
        assert (state.rewound == states[0].rewound).all()
        previous = state.mask
    theta = initial_weights(DIGITS, np.random.default_rng(0))
    assert (found.ticket.weights == theta).all() == ("rewind" not in text)
    steps = DIGITS.recipe.steps(len(DIGITS.data.train.y))
    rewind = 3 if "rewind" in text else 0  # what starts at step 3 has 3 steps fewer to go
    assert found.cost.gradient_steps == len(states) * (steps - rewind) + rewind
    assert found.ticket.info["rewind"] == rewind


def test_imp_goes_on_from_any_cycle() -> None:
    states: list = []
    whole = IMP(cycles=4)(DIGITS, Budget(), np.random.default_rng(0), 0.1, on_cycle=states.append)
    rest = IMP(cycles=4)(DIGITS, Budget(), np.random.default_rng(9), 0.1, start=states[1])
    assert (rest.ticket.mask == whole.ticket.mask).all()
    assert [timeless(row) for row in rest.logbook] == [timeless(row) for row in whole.logbook]
    assert replace(rest.cost, seconds=0) == replace(whole.cost, seconds=0)


def test_imp_prunes_the_smallest_of_the_trained_weights() -> None:
    from nets_deap.search.method import train_within

    states: list = []
    method = IMP(cycles=3)
    method(DIGITS, Budget(), np.random.default_rng(0), 0.1, on_cycle=states.append)
    before, after = states[0], states[1]
    steps = DIGITS.recipe.steps(len(DIGITS.data.train.y))
    rng = np.random.default_rng([before.root, 1])
    network = train_within(
        Meter(Budget()), DIGITS.architecture, before.rewound, before.mask, DIGITS.recipe, DIGITS.data.train,
        rng, steps,
    )  # fmt: skip
    magnitude = np.abs(network.weights())
    for _, places in DIGITS.layout.split(np.arange(magnitude.size)):
        kept, pruned = after.mask[places], (before.mask & ~after.mask)[places]
        assert magnitude[places][kept].min() >= magnitude[places][pruned].max()


# Pruning at initialisation


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


# Dynamic sparse training


def dynamic(problem: Problem, method: Dynamic) -> DynamicMLP:
    weights = initial_weights(problem, np.random.default_rng(0))
    return method.network(problem, weights, 0.1, np.random.default_rng(1))


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
@pytest.mark.parametrize("name", ["set", "rigl"])
def test_a_mask_that_moves_keeps_its_density(name: str, optimizer: str) -> None:
    problem = replace(DIGITS, recipe=Recipe(optimizer, 1e-2, 54, epochs=10))
    method = Dynamic(method_of(parse(name)).growth, every=4)
    network = method.network(
        problem, initial_weights(problem, np.random.default_rng(0)), 0.1, np.random.default_rng(1)
    )
    before = network.alive
    run = train_network(network, problem, seed=1, track_test=False)
    after = network.alive
    assert len(network.updates) > 3
    assert (before != after).any()
    layout = problem.layout
    assert layout.densities(before) == layout.densities(after)
    moves = len(network.updates)
    assert network.cost_aside == (Cost(-moves, -54 * moves) if name == "set" else Cost(0, 0, 54 * moves))
    assert (run.weights[~after] == 0).all()
    assert run.density <= 0.1


def test_the_first_update_worked_out() -> None:
    problem = replace(DIGITS, recipe=Recipe("sgd", 1e-2, 60, iterations=100))
    method = Dynamic("gradient", every=2, fraction=0.5)
    network = method.network(
        problem, initial_weights(problem, np.random.default_rng(0)), 0.1, np.random.default_rng(1)
    )
    train, targets = (
        problem.data.train,
        problem.architecture.targets(problem.data.train.y, problem.data.train.x.dtype),
    )
    network.step(train.x[:60], targets[:60])
    before, weights = network.alive, network.weights()
    network.step(train.x[60:120], targets[60:120])
    after = network.alive
    stayed = before & after
    assert (network.weights()[stayed] == weights[stayed]).all()  # an update moves no weight, …
    assert (weights[stayed] != 0).all()
    assert (network.weights()[after & ~before] == 0).all()  # … and what is new starts at zero
    share = 0.25 * (1 + np.cos(np.pi * 2 / 75))
    counts = np.array([part.sum() for _, part in problem.layout.split(before)])
    moved = [int(share * c) for c in counts]
    assert network.updates[0]["moved"] == sum(moved)
    for (_, places), many in zip(problem.layout.split(np.arange(weights.size)), moved, strict=True):
        size = np.sort(np.abs(weights[places])[before[places]])
        gone = (before & ~after)[places]
        assert gone.any()
        assert np.abs(weights[places][gone]).max() <= size[many - 1]  # of the smallest, as many as move, …
        assert gone.sum() <= many  # … but for those that came back at once


def four_weights(growth: str, fraction: float, rng: np.random.Generator) -> DynamicMLP:
    """W = [[1, −2], [3, 0]], whose last weight is dormant, before its first update."""
    architecture = MLP("linear", (2,), (), 2, "relu", "mse")
    method = Dynamic(growth, every=1, fraction=fraction, until=1.0)
    weights, mask = np.array([1, -2, 3, 9], dtype=np.float32), np.array([1, 1, 1, 0], dtype=bool)
    return DynamicMLP(architecture, weights, mask, Recipe("sgd", 0.1), method, 10**9, rng)


# x = (2, 1) gives (0, 6) where (1, 3) is wanted: errors (−1, 3), and |gradients| [[2, 1], [6, 3]].
@pytest.mark.parametrize(
    ("fraction", "alive", "values"),
    [
        (0.3, [1, 1, 1, 0], [1, -2, 3, 0]),  # 0.3 of three weights is none
        (0.4, [0, 1, 1, 1], [0, -2, 3, 0]),  # 1 is dropped; of 1 (2) and the dormant one (3) the latter grows
        (0.7, [1, 0, 1, 1], [1, 0, 3, 0]),  # 1 and −2 are dropped; the dormant one grows, and 1 comes back
        (1.0, [1, 0, 1, 1], [1, 0, 3, 0]),  # all are dropped; the three of the largest gradients grow
    ],
)
def test_rigl_drops_the_share_of_what_is_active_and_may_regrow_it(
    fraction: float, alive: list[int], values: list[float]
) -> None:
    network = four_weights("gradient", fraction, np.random.default_rng(0))
    network.step(torch.tensor([[2.0, 1.0]]), torch.tensor([[1.0, 3.0]]))
    assert network.alive.tolist() == alive
    assert network.weights().tolist() == values
    assert network.updates == [{"step": 1, "moved": int(np.float64(fraction) * 3)}]


def test_set_drops_the_share_of_what_is_active_and_grows_anything_else() -> None:
    seen = set()
    for seed in range(20):
        network = four_weights("random", 0.7, np.random.default_rng(seed))
        network.step(torch.tensor([[2.0, 1.0]]), torch.tensor([[1.0, 3.0]]))
        score = np.random.default_rng(seed).random(4)
        gone = min((0, 1, 3), key=lambda place: score[place])  # two of the three that are not kept grow
        assert network.alive.tolist() == [place != gone for place in range(4)]
        seen.add(gone)
    assert seen == {0, 1, 3}


@pytest.mark.parametrize("name", ["set", "rigl"])
@pytest.mark.parametrize("density", [0.05, 0.5, 0.9, 1.0])
def test_every_layer_moves_the_published_share_however_dense_it_is(name: str, density: float) -> None:
    problem = replace(DIGITS, recipe=Recipe("sgd", 1e-2, 60, iterations=100))
    method = Dynamic(method_of(parse(name)).growth, every=1, fraction=0.5, until=1.0)
    weights = initial_weights(problem, np.random.default_rng(0))
    network = method.network(problem, weights, density, np.random.default_rng(1))
    counts = np.array([part.sum() for _, part in problem.layout.split(network.alive)])
    x = problem.data.train.x[:60]
    network.step(x, problem.architecture.targets(problem.data.train.y[:60], x.dtype))
    assert network.updates[0]["moved"] == sum(
        int(0.25 * (1 + np.cos(np.pi / 100)) * count) for count in counts
    )
    assert [part.sum() for _, part in problem.layout.split(network.alive)] == counts.tolist()


# Controls


@pytest.mark.parametrize("name", [name for name in CONTROLS if name != "dense"])
def test_controls_keep_the_density(name: str) -> None:
    ticket = search("imp:cycles=2,iterations=5").ticket
    control = CONTROLS[name](ticket, DIGITS, np.random.default_rng(5))
    assert control.mask.sum() == ticket.mask.sum()
    assert control.info["method"] == f"imp+{name}"
    assert not ((control.weights == ticket.weights).all() and (control.mask == ticket.mask).all())
    if name not in ("random", "imp", "lineage"):
        assert control.layout.densities(control.mask) == ticket.layout.densities(ticket.mask)


def test_what_each_control_keeps() -> None:
    ticket = search("imp:cycles=2,iterations=5").ticket
    rng = np.random.default_rng(5)
    assert (CONTROLS["reinit"](ticket, DIGITS, rng).mask == ticket.mask).all()
    assert (CONTROLS["shuffle"](ticket, DIGITS, rng).weights == ticket.weights).all()
    dense = CONTROLS["dense"](ticket, DIGITS, rng)
    assert (dense.weights == ticket.weights).all()
    assert dense.mask.all()
    matched = CONTROLS["scale-matched"](ticket, DIGITS, rng)
    split = DIGITS.layout.split
    layers = zip(split(matched.weights), split(ticket.weights), split(ticket.mask), strict=True)
    for (_, ours), (_, theirs), (_, alive) in layers:
        assert np.sqrt(np.mean(ours**2)) == pytest.approx(np.sqrt(np.mean(theirs[alive] ** 2)), rel=0.1)


def test_imp_as_a_control_starts_from_the_tickets_weights() -> None:
    ticket = search("random").ticket
    ticket.weights[:] *= 3
    root = int(np.random.default_rng(5).integers(2**63))
    start = State(0, ticket.weights, np.ones_like(ticket.mask), root, [], Cost())
    expected = IMP(epochs=1)(DIGITS, Budget(), np.random.default_rng(), ticket.density, start).ticket
    control = CONTROLS["imp"](ticket, DIGITS, np.random.default_rng(5))
    assert (control.weights == ticket.weights).all()
    assert (control.mask == expected.mask).all()


def test_a_lineage_as_a_control_flips_signs_of_the_tickets_weights_and_prunes_all_of_them_anew() -> None:
    ticket = search("random").ticket
    ticket.weights[:] *= 3
    control = CONTROLS["lineage"](ticket, DIGITS, np.random.default_rng(5))
    assert (np.abs(control.weights) == np.abs(ticket.weights)).all()
    assert (control.weights != ticket.weights).any()
    assert (control.mask & ~ticket.mask).any()


@pytest.mark.parametrize("density", [0.5, 0.1])
def test_a_lineage_as_a_control_takes_as_many_steps_as_imp(density: float) -> None:
    start = np.random.default_rng(5).normal(size=DIGITS.layout.size).astype(np.float32)
    method = lineage_search(DIGITS, density)
    found = method(DIGITS, Budget(), np.random.default_rng(5), density, start)
    imp = IMP(epochs=1)(DIGITS, Budget(), np.random.default_rng(5), density)
    assert found.cost.gradient_steps == imp.cost.gradient_steps
    assert (np.abs(found.ticket.weights) == np.abs(start)).all()


def test_the_dense_network_as_a_ticket_has_nothing_to_prune_anew() -> None:
    ticket = search("dense").ticket
    assert CONTROLS["lineage"](ticket, DIGITS, np.random.default_rng(5)).mask.all()


# Names


def test_methods_as_people_write_them() -> None:
    choices = parse_all("imp:epochs=3,cycles=7, nets:pop=4 ,imp+reinit,random:allocation=erk")
    assert [str(choice) for choice in choices] == [
        "imp:cycles=7,epochs=3", "nets:pop=4", "imp+reinit", "random:allocation=erk",
    ]  # fmt: skip
    assert method_of(choices[0]) == IMP(cycles=7, epochs=3)
    assert method_of(choices[1]).options == {"pop": 4}
    assert (choices[2].control, str(choices[2].base)) == ("reinit", "imp")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("inp", "unknown method 'inp'"),
        ("imp:cycle=3", "unknown option of imp 'cycle'"),
        ("imp:cycles=x", "cycles=x"),
        ("imp:cycles", "not of the form KEY=VALUE"),
        ("imp+reinti", "unknown control 'reinti'"),
        ("set+reinit", "has no controls"),
        ("nets:seed=7", "unknown option of nets 'seed'"),
        ("nets:arch=mlp-10", "unknown option of nets 'arch'"),
        ("nets:popp=3", "unknown option of nets 'popp'"),
        ("nets:pop=x", "pop=x"),
        ("", "no `methods` given"),
    ],
)
def test_names_that_are_none(text: str, says: str) -> None:
    with pytest.raises(NetsError, match=says):
        parse_all(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("imp:scope=layer", "no scope"),
        ("imp:cycles=0", "expected 1 or more"),
        ("imp:exact=no", "needs a number of cycles"),
        ("imp:rewind=999", "cannot rewind to step 999"),
        ("imp:rewind=-1", "step 0 or later"),
        ("imp:epochs=0", "0 epochs: expected 1 or more"),
        ("imp:iterations=0", "0 iterations: expected 1 or more"),
        ("imp:epochs=1,iterations=3", "give one"),
        ("rigl:every=0", "expected 1 or more steps"),
        ("rigl:fraction=1.5", "shares from 0 to 1"),
        ("set:until=inf", "shares from 0 to 1"),
        ("rigl:allocation=global", "uniform or erk"),
        ("random-paper:spread=-1", "expected 0 or more"),
        ("snip:samples=0", "expected 1 or more"),
        ("snip:rounds=0", "expected 1 or more"),
        ("nets:pop=2,elites=3", "`elites` 3, `pop` 2"),
    ],
)
def test_what_cannot_be_is_seen_before_anything_is_run(text: str, says: str) -> None:
    with pytest.raises(NetsError, match=says):
        method_of(parse(text)).check(DIGITS, 0.1)


FREE = {"dense", "random", "random-erk", "random-paper", "magnitude"}


@pytest.mark.parametrize("name", sorted(METHODS.keys() - FREE))
def test_a_budget_of_next_to_nothing_is_refused_before_anything_is_run(name: str) -> None:
    method = method_of(parse(name))
    method.check(DIGITS, 0.3)
    if isinstance(method, Dynamic) or name == "synflow":
        method.check(DIGITS, 0.3, Budget(forward_passes=1))  # no search, and none that sees data
    else:
        with pytest.raises(NetsError, match="budget"):
            method.check(DIGITS, 0.3, Budget(forward_passes=1))


def specs() -> st.SearchStrategy[MethodSpec]:
    """Any method with any of its options, of their types, and a control of its ticket."""

    numbers = {int: st.integers(1, 9), float: st.floats(0.001, 0.999), bool: st.booleans()}
    named = {
        "mutate": ["flip,prune", "noise:0.2"],
        "select": ["best", "tournament:tournsize=2"],
        "scope": ["global"],
    }
    named |= {"allocation": ["erk", [0.1, 0.2]], "sparsity": [0.5, [0.8, 0.5]], "growth": ["random"]}

    def values(key: str, kind: Any) -> st.SearchStrategy[Any] | None:
        if key in named:
            return st.sampled_from([v for v in named[key] if kind is not str or isinstance(v, str)])
        kinds = [kind, *get_args(kind), *(inner for one in get_args(kind) for inner in get_args(one))]
        return next((numbers[one] for one in kinds if one in numbers), None)

    def options(name: str) -> st.SearchStrategy[MethodSpec]:
        kind = METHODS[name].kind
        known = {key: values(key, of) for key, of in kind.option_types().items()}
        chosen = st.fixed_dictionaries({}, optional={key: of for key, of in known.items() if of is not None})
        controls = st.sampled_from(["", *CONTROLS]) if kind.gives_ticket else st.just("")
        return st.builds(lambda o, c: MethodSpec(name).with_options(o).controlled(c), chosen, controls)

    return st.sampled_from(list(METHODS)).flatmap(options)


def test_values_that_text_cannot_hold_become_such_that_it_can() -> None:
    spec = MethodSpec("nets").with_options({"mutate": "flip,prune-increase", "awaken": None})
    assert str(spec) == "nets:mutate=flip/prune-increase"
    assert parse(str(spec)) == spec
    spec = MethodSpec("weedout").with_options({"sparsity": [0.8, 0.5]})
    assert (parse(str(spec)), hash(spec)) == (spec, hash(parse(str(spec))))


@given(specs())
def test_what_is_written_of_a_method_is_read_as_the_same(spec: MethodSpec) -> None:
    assert parse(str(spec)) == spec
    assert parse_all(f"{spec},dense") == ((spec, MethodSpec("dense")) if str(spec) != "dense" else (spec,))


@pytest.mark.parametrize("path", sorted(RESULTS.rglob("trials.csv")), ids=lambda path: path.parent.name)
def test_methods_in_our_results_are_written_as_they_were(path: Path) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        methods = {row["method"] for row in csv.DictReader(file)}
    assert {str(parse(method)) for method in methods} == methods
