from __future__ import annotations

import random

import numpy as np
import pytest
from deap import tools

from nets_deap.evolution import selection
from nets_deap.evolution.selection import ALGORITHMS, check, parse
from nets_deap.evolution.selection_operators import SELECTIONS
from nets_deap.individuals.evaluation import WORST, Evaluation, MinimisedFitness, ParetoFitness
from nets_deap.individuals.genome import Genome
from nets_deap.util.errors import NetsError

USABLE = [name for name, entry in SELECTIONS.items() if not entry.refused]


def population(size: int, objectives: int) -> list[Genome]:
    """Evaluated genomes, the first the best in everything, in losses like those of a real run."""
    genomes = []
    for i in range(size):
        mask = np.arange(100) < 20 + i
        genome = Genome(np.zeros(100), mask, MinimisedFitness if objectives == 1 else ParetoFitness)
        loss = 0.30 + 0.06 * i / size
        values = (loss,) if objectives == 1 else (loss, genome.density)
        genome.measured = Evaluation(loss, 0.9, genome.density, (loss, loss + 0.01), 0, loss, values)
        genome.fitness.values = values
        genomes.append(genome)
    random.shuffle(genomes)
    return genomes


def test_every_selection_of_deap_is_in_the_registry() -> None:
    deaps = {name for name in dir(tools) if name.startswith("sel") and name != "selection"}
    assert {entry.deap for entry in SELECTIONS.values()} >= deaps


@pytest.mark.parametrize("name", USABLE)
def test_deaps_own_names_will_do(name: str) -> None:
    assert parse(SELECTIONS[name].deap) == parse(name)


@pytest.mark.parametrize("name", [name for name in USABLE if name != "random"])
def test_better_genomes_are_favoured(name: str) -> None:
    choice = parse(name)
    genomes = population(12, choice.selection.objectives)
    average = np.mean([g.fitness.values[0] for g in genomes])
    k = 12 if "simple" in choice.selection.algorithms else 6
    selected = [np.mean([g.fitness.values[0] for g in choice(genomes, k)]) for _ in range(200)]
    assert np.mean(selected) < average - 0.005


def test_random_has_no_pressure_and_says_so() -> None:
    genomes = population(12, 1)
    average = np.mean([g.fitness.values[0] for g in genomes])
    selected = [np.mean([g.fitness.values[0] for g in parse("random")(genomes, 12)]) for _ in range(400)]
    assert np.mean(selected) == pytest.approx(average, abs=0.001)
    assert "no selection pressure" in SELECTIONS["random"].note


@pytest.mark.parametrize("name", USABLE)
def test_selection_returns_k_members_of_the_population(name: str) -> None:
    choice = parse(name)
    genomes = population(8, choice.selection.objectives)
    assert len(choice(genomes, 4)) == 4
    assert all(any(s is g for g in genomes) for s in choice(genomes, 4))


@pytest.mark.parametrize("name", USABLE)
def test_random_seed_decides_the_choice(name: str) -> None:
    choice = parse(name)
    genomes = population(8, choice.selection.objectives)
    picks = []
    for seed in (4, 4, *range(20)):
        random.seed(seed)
        np.random.seed(len(picks))  # numpy's global state has no say
        picks.append([id(g) for g in choice(genomes, 4)])
    assert picks[0] == picks[1]
    if name in ("tournament", "double-tournament", "roulette", "sus", "tournament-dcd", "random"):
        assert any(pick != picks[0] for pick in picks)


@pytest.mark.parametrize("name", ["roulette", "sus"])
def test_proportional_selection_survives_equal_and_zero_losses(name: str) -> None:
    genomes = population(6, 1)
    for genome in genomes:
        genome.fitness.values = (0.0,)
    assert len(parse(name)(genomes, 6)) == 6


def test_one_diverged_genome_leaves_the_pressure_among_the_others() -> None:
    genomes = population(5, 1)
    for genome, loss in zip(genomes, (0.1, 0.5, 0.9, 1.3, WORST), strict=True):
        genome.fitness.values = (loss,)
    picks = [g.fitness.values[0] for _ in range(300) for g in parse("roulette")(genomes, 5)]
    shares = [picks.count(loss) / len(picks) for loss in (0.1, 0.5, 0.9, WORST)]
    assert shares[0] > 0.4 > shares[1] > 0.25 > shares[2] > 0.1 > shares[3]


def test_arguments_are_read_with_their_types() -> None:
    choice = parse("double-tournament:fitness_size=5,parsimony_size=1,fitness_first=false")
    assert choice.arguments == {"fitness_size": 5, "parsimony_size": 1.0, "fitness_first": False}
    assert parse("selTournament:tournsize=7").arguments == {"tournsize": 7}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("turnament", "did you mean 'tournament'"),
        ("worst", "refused"),
        ("tournament:size=3", "did you mean 'tournsize'"),
        ("tournament:tournsize=0", "at least 1"),
        ("tournament:tournsize=x", "not a whole number"),
        ("tournament:tournsize=2.5", "not a whole number"),
        ("tournament:tournsize", "KEY=VALUE"),
        ("double-tournament:parsimony_size=3", "at most 2"),
        ("double-tournament:fitness_first=maybe", "true or false"),
        ("best:k=3", "takes no arguments"),
        ("epsilon-lexicase:epsilon=-1", "at least 0"),
        ("epsilon-lexicase:epsilon=nan", "not a number"),
        ("epsilon-lexicase:epsilon=1e999", "not a number"),
        ("tournament:tournsize=" + "-" * 5000, "not a whole number"),
        ("", "unknown selection"),
    ],
)
def test_bad_selections_are_refused(text: str, message: str) -> None:
    with pytest.raises(NetsError, match=message):
        parse(text)


@pytest.mark.parametrize("name", USABLE)
def test_only_the_algorithms_of_the_registry_are_allowed(name: str) -> None:
    choice = parse(name)
    for algorithm in ALGORITHMS:
        if algorithm in choice.selection.algorithms:
            check(choice, algorithm, population=12)
        else:
            with pytest.raises(NetsError, match="does not go with"):
                check(choice, algorithm, population=12)


def test_a_population_that_is_no_multiple_of_four_is_refused() -> None:
    with pytest.raises(NetsError, match="`pop` 4"):
        check(parse("tournament-dcd"), "simple", 5)


def test_the_table_has_a_row_for_each() -> None:
    assert [row[0] for row in selection.table()] == list(SELECTIONS)
