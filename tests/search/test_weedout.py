from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deap import algorithms, tools

from nets_deap.evolution.checkpoint import State
from nets_deap.evolution.maps import BatchedMap
from nets_deap.individuals.genome import Genome
from nets_deap.individuals.operators.nodes import alive, cxNodes, initNodes, mutNodes
from nets_deap.models.architecture import Architecture
from nets_deap.models.node_space import groups, known, live_nodes, weight_mask
from nets_deap.models.registry import build, state_dict
from nets_deap.parallel.processes import MultiprocessMap
from nets_deap.parallel.serial import SerialMap
from nets_deap.problem.budget import Budget
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.problem.ticket import load_ticket
from nets_deap.search import going_on
from nets_deap.search.method import Found, initial
from nets_deap.search.registry import method_of, parse
from nets_deap.search.weedout import Weedout
from nets_deap.util.errors import DamagedError, NetsError
from tests.architectures import mlp

DIGITS = Problem("digits", "lenet-300-100", Recipe("adam", 1.2e-3, 60), init="glorot", data_limit=300)
TINY = mlp((2,), (4, 2), 1, "relu", "cross-entropy")
WRN = build("wrn-10-1", (3, 8, 8), 4)


def find(text: str, density: float = 0.1, seed: int = 0, budget: Budget = Budget()) -> Found:  # noqa: B008
    return method_of(parse(text))(DIGITS, budget, np.random.default_rng(seed), density)


def genome(architecture: Architecture, nodes: list[int]) -> Genome:
    made = initNodes(np.ones(architecture.layout.size), architecture, (1, 1), np.random.default_rng(0))
    made.traits["nodes"] = np.array(nodes, dtype=float)
    made.mask = weight_mask(architecture, alive(made))
    return made


# Operators

VARIATIONS: dict[str, Callable[..., tuple[Genome, ...]]] = {
    "mutNodes": lambda one, other, rng: mutNodes(one, WRN, 0.3, rng),
    "cxNodes": lambda one, other, rng: cxNodes(one, other, WRN, rng),
}


@pytest.mark.parametrize("vary", VARIATIONS.values(), ids=VARIATIONS)
def test_groups_keep_their_numbers_and_masks_follow_the_nodes(
    vary: Callable[..., tuple[Genome, ...]],
) -> None:
    rng, weights = np.random.default_rng(0), np.ones(WRN.layout.size, dtype=np.float32)
    counts = [max(1, size // 3) for size in known(WRN).nodes.sizes]
    one, other = (initNodes(weights, WRN, counts, rng) for _ in range(2))
    before = [alive(one), alive(other)]
    for found, nodes in zip(vary(one, other, rng), before, strict=False):
        assert (alive(found) != nodes).any()
        assert [part.sum() for part in groups(WRN, alive(found)).values()] == counts
        assert (found.mask == weight_mask(WRN, alive(found))).all()
        assert (live_nodes(WRN, found.mask) == alive(found)).all()
        assert (found.weights == weights).all()


def test_crossover_of_nodes_written_out() -> None:
    for seed in range(10):
        a, b = genome(TINY, [1, 1, 0, 0, 1, 0]), genome(TINY, [1, 0, 1, 0, 1, 0])
        cxNodes(a, b, TINY, np.random.default_rng(seed))
        first, second = (alive(g).astype(int).tolist() for g in (a, b))
        assert first[0] == second[0] == first[4] == second[4] == 1  # what both have
        assert first[3] == second[3] == first[5] == second[5] == 0  # what neither has
        assert sorted([first[1:3], second[1:3]]) == [[0, 1], [1, 0]]


def test_a_mutation_of_no_node_changes_nothing_and_of_all_nodes_everything_it_can() -> None:
    rng = np.random.default_rng(0)
    assert alive(mutNodes(genome(TINY, [1, 1, 0, 0, 1, 1]), TINY, 0.0, rng)[0]).tolist() == [1, 1, 0, 0, 1, 1]
    assert alive(mutNodes(genome(TINY, [1, 1, 0, 0, 1, 1]), TINY, 1.0, rng)[0]).tolist() == [0, 0, 1, 1, 1, 1]


# Search


@pytest.mark.parametrize("name", ["weedout", "node-evolution"])
def test_a_seed_gives_one_logbook_and_the_best_of_all_that_were_tried(name: str) -> None:
    text = f"{name}:pop=4,gens=3,steps=10,sparsity=0.8"
    found, again = find(text), find(text)
    rows = [{key: value for key, value in row.items() if key != "elapsed_s"} for row in found.logbook]
    assert rows == [{key: value for key, value in row.items() if key != "elapsed_s"} for row in again.logbook]
    assert (found.ticket.mask == again.ticket.mask).all()
    assert [row["nevals"] for row in rows] == [4, 2, 2, 2]
    best = [row["val_acc_best"] for row in rows]
    assert best == sorted(best)
    assert found.ticket.info["val_acc"] == best[-1]
    assert found.cost.gradient_steps == 10 * 10
    parts = groups(DIGITS.architecture, live_nodes(DIGITS.architecture, found.ticket.mask)).values()
    assert [part.sum() for part in parts] == [60, 20]


def test_what_comes_is_random_in_weedout_and_of_its_parents_in_evolution() -> None:
    architecture = DIGITS.architecture
    for breed, related in ((False, False), (True, True)):
        search = Weedout(pop=2, gens=1, steps=1, sparsity=0.8, breed=breed)
        toolbox = search.toolbox(DIGITS, 0.1, np.random.default_rng(0))
        parent = toolbox.individual()
        (child,) = toolbox.mutate(toolbox.clone(parent))
        common = (alive(parent) & alive(child)).sum() / alive(parent).sum()
        assert (common > 0.6) == related
        assert (child.mask == weight_mask(architecture, alive(child))).all()


def test_its_toolbox_runs_in_plain_deap_and_over_workers() -> None:
    search = Weedout(pop=4, steps=5, sparsity=0.5, breed=True)
    with MultiprocessMap(2) as engine:
        toolbox = search.toolbox(DIGITS, 0.1, np.random.default_rng(0), engine)
        hall = tools.HallOfFame(1, similar=Genome.same_genes)
        population = toolbox.population(n=4)
        algorithms.eaMuPlusLambda(
            population, toolbox, mu=4, lambda_=4, cxpb=0.5, mutpb=0.5, ngen=2, halloffame=hall, verbose=False
        )
    assert hall[0].fitness.values[0] == min(genome.fitness.values[0] for genome in population)


def test_the_density_asked_for_is_met_as_nearly_as_whole_nodes_allow() -> None:
    for density in (0.5, 0.1, 0.02):
        found = find("random-nodes", density)
        assert found.ticket.density == pytest.approx(density, rel=0.1)


def test_sparsities_group_by_group() -> None:
    found = find("random-nodes:sparsity=0.9/0.5")
    parts = groups(DIGITS.architecture, live_nodes(DIGITS.architecture, found.ticket.mask)).values()
    assert [part.sum() for part in parts] == [30, 50]


def test_repair_keeps_one_node() -> None:
    found = find("random-nodes:sparsity=0.5/1,repair=yes")
    parts = groups(DIGITS.architecture, live_nodes(DIGITS.architecture, found.ticket.mask)).values()
    assert [part.sum() for part in parts] == [150, 1]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("weedout:sparsity=0.999", "leaves none of the 300 nodes of fc1"),
        ("weedout:sparsity=0.5/1", "leaves none of the 100 nodes of fc2: take a lower one, or repair=yes"),
        ("weedout:sparsity=1.5", "a sparsity of 1.5: expected a share from 0 to 1"),
        (
            "weedout:sparsity=0.5/0.5/0.5",
            "3 sparsities for 2 groups of nodes: one, or one for each of fc1",
        ),
        ("weedout:pop=0", "expected 1 or more"),
        ("weedout:steps=0", "expected 1 or more"),
        ("weedout:weed=0", "expected one or more to go and to stay"),
        ("weedout:weed=1", "expected one or more to go and to stay"),
        ("weedout:weed=nan", "weed=nan: expected a share of the population"),
        ("node-evolution:pop=2", "two to stay for node-evolution"),
    ],
)
def test_what_cannot_be_is_seen_before_anything_is_run(text: str, says: str) -> None:
    with pytest.raises(NetsError, match=says):
        method_of(parse(text)).check(DIGITS, 0.1)


def test_a_budget_ends_it_before_the_generation_that_it_would_not_pay_for() -> None:
    text = "weedout:pop=4,gens=5,steps=10,sparsity=0.8"
    assert find(text, budget=Budget(gradient_steps=79)).cost.gradient_steps == 60
    with pytest.raises(NetsError, match="the budget does not pay for 4 evaluations of 10 steps"):
        find(text, budget=Budget(gradient_steps=39))


@pytest.mark.parametrize("arch", ["lenet-300-100", "cnn-8-16", "wrn-10-1"])
def test_its_ticket_is_a_smaller_network_with_the_same_outputs(arch: str) -> None:
    problem = Problem("digits", arch, init="kaiming", data_limit=300)
    method = method_of(parse("random-nodes:sparsity=0.8,steps=1"))
    ticket = method(problem, Budget(), np.random.default_rng(0), 0.1).ticket
    rng = np.random.default_rng(1)
    extras = ticket.extras + rng.random(ticket.extras.size).astype(np.float32)  # as after some training
    ticket = replace(ticket, extras=extras)
    smaller = ticket.smaller()
    assert smaller.mask.all()
    assert smaller.layout.size < 0.25 * ticket.layout.size
    x = problem.data.test.x[:50]
    modules = []
    for one in (ticket, smaller):
        modules.append(one.architecture.module().eval())
        modules[-1].load_state_dict(state_dict(one.architecture, one.weights, one.mask, one.extras))
    whole, small = (module(x) for module in modules)
    assert (whole - small).abs().max() <= 1e-5 * whole.abs().max()
    smaller.save(Path("smaller"))
    assert load_ticket(Path("smaller")).architecture == smaller.architecture


def test_a_network_cut_in_two_has_nothing_smaller() -> None:
    ticket = find("random-nodes").ticket
    ticket.mask[:] = False
    with pytest.raises(NetsError, match="leaves a group of nodes empty"):
        ticket.smaller()


def test_what_it_costs_is_training_and_validation_of_each_individual() -> None:
    found = find("weedout:pop=4,gens=2,steps=10,sparsity=0.8")
    evaluations, samples = 4 + 2 * 2, 2 * 270  # ten steps are two epochs, with a smaller last batch each
    passes = samples + len(DIGITS.data.validation.y)
    cost = found.cost
    assert (cost.gradient_steps, cost.samples) == (evaluations * 10, evaluations * samples)
    assert cost.forward_passes == evaluations * passes


def test_all_are_evaluated_on_the_same_minibatches_from_the_seeds_first_weights() -> None:
    search = Weedout(pop=4, gens=2, steps=3, sparsity=0.5)
    toolbox = search.toolbox(DIGITS, 0.1, np.random.default_rng(5))
    first = initial(DIGITS, np.random.default_rng(5))[0]
    genomes = [toolbox.individual() for _ in range(2)]
    assert all((genome.weights == first).all() for genome in genomes)
    once = toolbox.map(toolbox.evaluate, genomes)
    assert toolbox.map(toolbox.evaluate, genomes) == once  # a generation later
    found = find("weedout:pop=4,gens=2,steps=3,sparsity=0.5", seed=5)
    assert (found.ticket.weights == first).all()
    assert find("random-nodes", seed=5).ticket.info["method"] == "random-nodes"


def test_a_stack_finds_what_one_by_one_finds() -> None:
    text, arguments = "weedout:pop=4,gens=2,steps=10", (DIGITS, Budget(), 0.1)
    found = [
        method_of(parse(text))(problem, budget, np.random.default_rng(1), density, engine)
        for engine in (SerialMap(), BatchedMap())
        for problem, budget, density in [arguments]
    ]
    accuracies = [[row["val_acc_avg"] for row in one.logbook] for one in found]
    assert accuracies[0] == pytest.approx(accuracies[1], abs=0.02)
    assert (found[0].ticket.mask == found[1].ticket.mask).all()


# Interruptions


def stopped_after(generation: int, folder: Path) -> Callable[..., None]:
    """What keeps the states of a search in a folder, and ends it after a generation."""

    def on_state(state: State) -> None:
        going_on.save(folder, DIGITS, state)
        if state.logbook[-1]["gen"] == generation:
            raise KeyboardInterrupt

    return on_state


@pytest.mark.parametrize("engine", [SerialMap, BatchedMap, partial(MultiprocessMap, 2)])
@pytest.mark.parametrize("name", ["weedout", "node-evolution"])
def test_it_goes_on_after_an_interruption_as_if_there_were_none(name: str, engine: Callable[[], Any]) -> None:
    method = method_of(parse(f"{name}:pop=5,gens=4,steps=3,sparsity=0.6"))
    given, folder = (DIGITS, Budget(gradient_steps=40)), Path("run")
    with engine() as mapped:
        run = partial(method, *given, density=0.1, engine=mapped)
        whole = run(rng=np.random.default_rng(3))
        for generation in (1, 2):
            state = going_on.newest(folder, method, DIGITS, 0.1)
            with pytest.raises(KeyboardInterrupt):
                run(rng=np.random.default_rng(3), state=state, on_state=stopped_after(generation, folder))
        told: list[int] = []
        state = going_on.newest(folder, method, DIGITS, 0.1)
        rest = run(rng=np.random.default_rng(3), state=state, on_row=lambda row: told.append(row["gen"]))
    assert told == [row["gen"] for row in whole.logbook[3:]] != []
    assert rest.ticket.content() == whole.ticket.content()
    assert rest.ticket.info == whole.ticket.info
    assert without_times(rest.logbook) == without_times(whole.logbook)
    assert replace(rest.cost, seconds=0.0) == replace(whole.cost, seconds=0.0)


def without_times(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key != "elapsed_s"} for row in rows]


def test_a_checkpoint_of_another_search_is_refused() -> None:
    small, large = (method_of(parse(f"weedout:pop={pop},gens=1,steps=1,sparsity=0.6")) for pop in (4, 5))
    states: list[State] = []
    small(DIGITS, Budget(), np.random.default_rng(3), 0.1, on_state=states.append)
    with pytest.raises(DamagedError, match="is none of this search"):
        large(DIGITS, Budget(), np.random.default_rng(3), 0.1, state=states[0])
