"""DEAP's algorithms by hand with our toolbox: they reach their size and their density, or are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from deap import algorithms, gp, tools
from deap.base import Toolbox

from nets_deap.evolution.settings import EvolveConfig
from nets_deap.evolution.toolbox import make_toolbox
from nets_deap.individuals.genome import Genome
from nets_deap.individuals.halls_of_fame import ElitistHallOfFame
from nets_deap.util.errors import NetsError

Config = Callable[..., EvolveConfig]
GENS, POP, TARGET = 6, 4, 0.1
HARM = {"alpha": 0.05, "beta": 10, "gamma": 0.25, "rho": 0.9, "nbrindsmodel": 30}


def easimple(population: list[Genome], toolbox: Toolbox, ngen: int, hall: Any = None, **rates: float) -> None:
    algorithms.eaSimple(population, toolbox, **rates, ngen=ngen, halloffame=hall, verbose=False)


def plus(lambda_: int) -> Callable[..., None]:
    def run(population: list[Genome], toolbox: Toolbox, ngen: int, hall: Any = None, **rates: float) -> None:
        sizes = {"mu": POP, "lambda_": lambda_}
        algorithms.eaMuPlusLambda(
            population, toolbox, **sizes, **rates, ngen=ngen, halloffame=hall, verbose=False
        )

    return run


def comma(lambda_: int) -> Callable[..., None]:
    def run(population: list[Genome], toolbox: Toolbox, ngen: int, hall: Any = None, **rates: float) -> None:
        sizes = {"mu": POP, "lambda_": lambda_}
        algorithms.eaMuCommaLambda(
            population, toolbox, **sizes, **rates, ngen=ngen, halloffame=hall, verbose=False
        )

    return run


def harm(population: list[Genome], toolbox: Toolbox, ngen: int, hall: Any = None, **rates: float) -> None:
    gp.harm(population, toolbox, **rates, ngen=ngen, halloffame=hall, verbose=False, **HARM)


def loop(population: list[Genome], toolbox: Toolbox, ngen: int, hall: Any = None, **rates: float) -> None:
    """A loop of one's own: twice as many children as parents, in pairs, and the better half lives on."""

    def evaluate(genomes: list[Genome]) -> None:
        new = [genome for genome in genomes if not genome.fitness.valid]
        for genome, values in zip(new, toolbox.map(toolbox.evaluate, new), strict=True):
            genome.fitness.values = values
        if hall is not None:
            hall.update(genomes)

    evaluate(population)
    for _ in range(ngen):
        parents = [toolbox.select(population, 2) for _ in range(POP)]
        children = algorithms.varAnd([one for pair in parents for one in pair], toolbox, **rates)
        evaluate(children)
        population[:] = toolbox.select(children, POP)


ALGORITHMS = {
    "eaSimple": easimple,
    "eaMuPlusLambda(4, 4)": plus(4),
    "eaMuPlusLambda(4, 1)": plus(1),
    "eaMuPlusLambda(4, 9)": plus(9),
    "eaMuCommaLambda(4, 8)": comma(8),
    "eaMuCommaLambda(4, 4)": comma(4),
    "harm": harm,
    "a loop of one's own": loop,
}
RATES = {
    "all mutate": {"cxpb": 0, "mutpb": 1},
    "half and half": {"cxpb": 0.5, "mutpb": 0.5},
    "few": {"cxpb": 0.3, "mutpb": 0.2},
    "mate only": {"cxpb": 1, "mutpb": 0},
}
PLANS = {
    "repair": {"mutate": "repair"},
    "prune": {"mutate": "flip,prune-increase", "mate": "mask"},
    "no fall": {"mutate": "noise,prune", "mate": "mask", "init_density": TARGET, "select": "best"},
}
PLANS["no fall"]["algorithm"] = "mu-plus-lambda"


def toolbox_of(config: Config, plan: str, **more: Any) -> Toolbox:
    falling = {"init_density": 1.0, "target_density": TARGET, "gens": GENS, "pop": POP, "arch": "mlp-100"}
    return make_toolbox(config(**{**falling, **PLANS[plan], **more}))


def active(toolbox: Toolbox) -> int:
    return round(TARGET * toolbox.individual().mask.size)


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("rates", RATES)
@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_reaches_its_size_and_the_planned_density_or_is_refused(
    name: str, rates: str, plan: str, config: Config
) -> None:
    toolbox = toolbox_of(config, plan)
    population, best = toolbox.population(n=POP), ElitistHallOfFame(2) if rates == "half and half" else None
    try:
        ALGORITHMS[name](population, toolbox, GENS, best, **RATES[rates])
    except NetsError as refused:
        assert "mutpb=1" in str(refused)  # noqa: PT017
        assert rates == "few"
        return
    assert len(population) == POP
    assert {len(genome) for genome in population} == {active(toolbox)}
    assert all(genome.fitness.valid for genome in population)
    assert best is None or {len(genome) for genome in best} == {active(toolbox)}


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_keeps_its_size_without_a_plan(name: str, config: Config) -> None:
    toolbox = make_toolbox(config(mutate="noise,dormancy,awaken", gens=GENS))
    population = toolbox.population(n=POP)
    ALGORITHMS[name](population, toolbox, 3, cxpb=0.5, mutpb=0.5)
    assert len(population) == POP


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("plan", ["repair", "none"])
def test_on_islands_every_algorithm_keeps_them_or_is_refused(name: str, plan: str, config: Config) -> None:
    islands = {"islands": 2, "migrate_every": 2}
    toolbox = (
        toolbox_of(config, plan, **islands)
        if plan in PLANS
        else make_toolbox(config(mutate="noise", gens=GENS, **islands))
    )
    population = toolbox.population(n=POP)
    if name in ("eaSimple", "eaMuCommaLambda(4, 4)"):  # k of k genomes
        ALGORITHMS[name](population, toolbox, GENS, cxpb=0, mutpb=1)
        assert len(population) == POP
        assert plan == "none" or {len(genome) for genome in population} == {active(toolbox)}
    else:
        with pytest.raises(NetsError, match=r"`islands` 2: .* one island"):
            ALGORITHMS[name](population, toolbox, GENS, cxpb=0, mutpb=1)


def test_a_population_that_does_not_divide_into_islands_is_refused(config: Config) -> None:
    toolbox = make_toolbox(config(mutate="noise", islands=2))
    with pytest.raises(NetsError, match="divides evenly"):
        easimple(toolbox.population(n=5), toolbox, 2, cxpb=0, mutpb=1)


def test_who_breeds_before_selection_begins_is_drawn_by_lot(config: Config) -> None:
    toolbox = toolbox_of(config, "repair")
    population = toolbox.population(n=POP)
    easimple(population, toolbox, 0, cxpb=0, mutpb=1)
    drawn = {id(one) for _ in range(60) for one in toolbox.select(population, 1)}
    assert drawn == {id(one) for one in population}
    for k in range(10):
        assert len(toolbox.select(population, k)) == k
    assert toolbox.select(population, POP) == population  # each has one child


def test_a_generation_in_which_nothing_is_new_is_one_all_the_same(config: Config) -> None:
    toolbox = make_toolbox(config(mutate="noise"))
    population = toolbox.population(n=POP)
    for ngen, generation in ((2, 3), (1, 4), (0, 4), (3, 7)):
        easimple(population, toolbox, ngen, cxpb=0, mutpb=0)
        assert toolbox.clock.generation == generation


@pytest.mark.parametrize("algorithm", [plus(6), comma(6)])
def test_generations_one_by_one_are_those_of_one_call(algorithm: Callable[..., None], config: Config) -> None:
    clocks = []
    for calls, ngen in ((4, 1), (1, 4)):
        toolbox = toolbox_of(config, "repair")
        population = toolbox.population(n=POP)
        for _ in range(calls):
            algorithm(population, toolbox, ngen, cxpb=0.5, mutpb=0.5)
        clocks.append(toolbox.clock.generation)
    assert clocks == [5, 5]


def test_a_selection_without_replacement_finds_enough_on_the_plan(config: Config) -> None:
    toolbox = toolbox_of(config, "repair", density_gens=3, select_from=1)
    toolbox.select.func.select = tools.selBest
    population = toolbox.population(n=POP)
    plus(1)(population, toolbox, GENS, cxpb=0, mutpb=1)
    assert [len(genome) for genome in population] == [active(toolbox)] * POP
