from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from deap import tools

from nets_deap.evolution.context import Clock
from nets_deap.evolution.folder import evolve
from nets_deap.evolution.islands import Mating
from nets_deap.evolution.run import Evolution
from nets_deap.evolution.settings import EvolveConfig
from nets_deap.evolution.species import mask_distance, selSpecies, species_of
from nets_deap.individuals.evaluation import Evaluation
from nets_deap.individuals.genome import Genome
from nets_deap.individuals.halls_of_fame import averaged, measured, reevaluate
from nets_deap.individuals.operators.traits import mutDensity, mutRate, mutReorder
from nets_deap.parallel.serial import SerialMap
from nets_deap.pruning.at_initialisation import SEEDINGS
from nets_deap.util.errors import NetsError
from nets_deap.util.random_streams import ORDER

Config = Callable[..., EvolveConfig]
SPARSE = {"mutate": "flip,prune-increase", "mate": "none", "target_density": 0.4, "init_density": 1.0}


def genome(mask: list[int], loss: float) -> Genome:
    made = Genome(np.ones(len(mask)), np.array(mask, dtype=bool))
    made.measured = Evaluation(loss, 0.5, float(np.mean(mask)), (loss,), 1, loss, (loss,))
    made.fitness.values = (loss,)
    return made


def test_mask_distance() -> None:
    masks = [np.array(bits, dtype=bool) for bits in ([1, 1, 0, 0], [1, 0, 1, 0], [0, 0, 1, 1], [0, 0, 0, 0])]
    assert mask_distance(masks[0], masks[0]) == 0
    assert mask_distance(masks[0], masks[1]) == pytest.approx(2 / 3)
    assert mask_distance(masks[0], masks[2]) == 1
    assert mask_distance(masks[3], masks[3]) == 0


def test_species_are_masks_near_the_first_of_them() -> None:
    a, b, c = genome([1, 1, 1, 0], 1), genome([1, 1, 0, 0], 2), genome([0, 0, 0, 1], 3)
    assert species_of([a, b, c], 0.4) == [[a, b], [c]]
    assert species_of([a, b, c], 0.1) == [[a], [b], [c]]
    assert species_of([a, b, c], 1.0) == [[a, b, c]]


def test_a_crowded_species_does_not_outnumber_a_small_one_of_equal_merit() -> None:
    crowd = [genome([1, 1, 0, 0], 1.0) for _ in range(8)]
    alone, worst = genome([0, 0, 1, 1], 1.0), genome([0, 1, 1, 0], 2.0)
    chosen = selSpecies([*crowd, alone, worst], 12, radius=0.2)
    assert len(chosen) == 12
    assert sum(one is alone for one in chosen) == 6
    assert sum(one is worst for one in chosen) == 0


def test_species_without_any_difference_share_alike() -> None:
    two = [genome([1, 0], 1.0), genome([0, 1], 1.0)]
    assert sorted(selSpecies(two, 4, 0.5), key=id) == sorted([*two, *two], key=id)


def mating(clock: Clock, **options: int) -> Mating:
    return Mating(tools.selBest, **{"islands": 1, "every": 0, "first": 0, **options}, clock=clock)


def test_before_selection_begins_everybody_has_one_child() -> None:
    clock, population = Clock(), [genome([1], loss) for loss in (3, 1, 2)]
    select = mating(clock, first=3)
    for clock.generation in (1, 2):
        assert select(population, 3) == population
    clock.generation = 3
    assert select(population, 2) == [population[1], population[2]]


def test_islands_select_among_themselves_and_send_their_best_on() -> None:
    clock, population = Clock(), [genome([1], loss) for loss in (1, 2, 3, 4)]
    select = mating(clock, islands=2, every=5)
    clock.generation = 1
    assert select(population, 4) == population
    clock.generation = 5
    assert [one.fitness.values[0] for one in select(population, 4)] == [1, 3, 1, 3]
    assert [one.fitness.values[0] for one in population] == [1, 2, 3, 4]


def test_averages_of_evaluations() -> None:
    first, second, third = (
        Evaluation(loss, acc, 0.5, (loss, 2 * loss), i, loss, (loss,))
        for i, (loss, acc) in enumerate([(1.0, 0.9), (2.0, 0.7), (6.0, 0.5)])
    )
    mean = averaged(averaged(first, second), third)
    assert (mean.val_loss, mean.val_acc, mean.times) == (3.0, pytest.approx(0.7), 3)
    assert (mean.class_losses, mean.values, mean.generation) == ((3.0, 6.0), (3.0,), 2)


def test_a_lucky_elite_falls_behind() -> None:
    lucky, solid = genome([1, 1, 0, 0], 1.0), genome([0, 0, 1, 1], 1.2)
    population = [lucky, solid]
    hall = tools.HallOfFame(2, similar=Genome.identical)
    hall.update(population)
    again = [measured(genome([1], 3.0)), measured(genome([1], 1.2))]
    reevaluate(hall, again, population)
    assert [one.fitness.values[0] for one in hall] == [pytest.approx(1.2), 2.0]
    assert population[0].fitness.values == (2.0,)
    assert hall[1].identical(lucky)


def test_reevaluated_elites_cost_their_trainings(config: Config) -> None:
    evolution = Evolution.of(config(reevaluate=True, elites=2, pop=4, gens=5))
    evolution.advance()
    times = set()
    for _ in range(5):
        row = evolution.advance()
        assert row["nevals"] == 6
        assert row["gradient_steps"] == 6 * 5
        times |= {measured(one).times for one in evolution.hall}
    assert max(times) >= 2


def test_a_stagnating_population_is_drawn_afresh_and_elites_stay(config: Config) -> None:
    nothing = {"noise": 0.0, "resample": 0.0, "dormancy": 0.0, "crossover": 0.0}
    evolution = Evolution.of(config(**nothing, restart_after=2, gens=9))
    for _ in range(9):
        before = {one.weights.tobytes() for one in evolution.population}
        elites = {one.weights.tobytes() for one in evolution.hall}
        row = evolution.advance()
        if row["restart"] and before:
            now = {one.weights.tobytes() for one in evolution.population}
            assert len(now - before) >= 2
            better = {one.weights.tobytes() for one in evolution.hall} - elites
            assert elites & now or better
    restarts = [row["gen"] for row in evolution.logbook if row["restart"]]
    assert restarts[0] == 0
    assert len(restarts) > 1
    assert min(np.diff(restarts)) >= 3


def test_without_elites_a_restart_is_a_search_from_the_start_and_the_best_stays(
    config: Config,
) -> None:
    nothing = {"noise": 0.0, "resample": 0.0, "dormancy": 0.0, "crossover": 0.0}
    alone = {"pop": 1, "algorithm": "mu-plus-lambda", "elites": 0}
    evolution = Evolution.of(config(**nothing, **alone, restart_after=2, gens=12))
    starts = set()
    for _ in range(12):
        if evolution.advance()["restart"]:
            starts.add(evolution.population[0].weights.tobytes())
    assert len(starts) == sum(row["restart"] for row in evolution.logbook) > 2
    assert measured(evolution.best).fitness == min(row["fitness_min"] for row in evolution.logbook)


@pytest.mark.parametrize("seeding", SEEDINGS)
def test_first_populations_come_from_prunings(seeding: str, config: Config) -> None:
    evolution = Evolution.of(config(seeding=seeding, target_density=0.5, init_density=0.5, arch="mlp-100"))
    evolution.advance()
    n = evolution.problem.layout.size
    counts = {len(one) for one in evolution.population}
    if seeding == "random":
        assert len(counts) > 1
    else:
        assert counts == {round(n * 0.5)}
    assert len({one.mask.tobytes() for one in evolution.population}) > 1


def test_a_plan_takes_over_the_layer_densities_of_its_seeds(config: Config) -> None:
    options = {**SPARSE, "mutate": "prune", "target_density": 0.3, "init_density": 0.5, "arch": "mlp-100"}
    evolution = Evolution.of(config(seeding="magnitude", gens=2, density_gens=2, **options))
    evolution.advance()
    before = [one.mask.copy() for one in evolution.population]
    evolution.advance()
    n = evolution.problem.layout.size
    for one, mask in zip(evolution.population, before, strict=True):
        assert not (one.mask & ~mask).any()  # nothing had to be filled at random
        assert len(one) == round(n * evolution.settings.density_schedule()(1))


def test_restarts_are_of_the_density_that_is_planned_then(config: Config) -> None:
    options = {**SPARSE, "mutate": "prune", "target_density": 0.3, "init_density": 0.8, "arch": "mlp-100"}
    evolution = Evolution.of(config(seeding="snip", gens=12, density_gens=2, restart_after=1, **options))
    for _ in range(12):
        evolution.advance()
        if evolution.generation >= 2:
            assert {len(one) for one in evolution.population} == {round(0.3 * evolution.problem.layout.size)}
    assert sum(row["restart"] for row in evolution.logbook) > 1


def test_elites_do_not_cross_between_islands(config: Config) -> None:
    nothing = {"resample": 0.0, "dormancy": 0.0, "crossover": 0.0, "noise": 0.0}
    evolution = Evolution.of(config(islands=2, migrate_every=0, elites=2, pop=4, gens=9, **nothing))
    evolution.advance()

    def homes() -> list[set[bytes]]:
        genes = [one.weights.tobytes() for one in evolution.population]
        return [set(genes[:2]), set(genes[2:])]

    first = homes()
    for _ in range(9):
        evolution.advance()
        assert all(now <= before for now, before in zip(homes(), first, strict=True))


def test_seeds_by_magnitude_are_the_largest_weights(config: Config) -> None:
    evolution = Evolution.of(config(seeding="magnitude", target_density=0.5, init_density=0.5))
    evolution.advance()
    for one in evolution.population:
        sizes = np.abs(one.weights)
        assert sizes[one.mask].min() >= sizes[~one.mask].max()


def test_minibatches_of_ones_own(config: Config) -> None:
    evolution = Evolution.of(config(dataset="digits", data_limit=300, epochs=1, arch="mlp-10", **SPARSE))
    evolution.advance()
    one = evolution.population[0]
    shared = evolution.evaluator.evaluate(one)
    mutReorder(one, np.random.default_rng(1))
    own = evolution.evaluator.evaluate(one)
    assert shared.val_loss != own.val_loss
    assert evolution.evaluator.evaluate(one) == own
    assert one.traits[ORDER].shape == (1,)
    with pytest.raises(NetsError, match="as one stack"):
        evolution.evaluator.evaluate_all([one])


def test_planned_densities_only_fall_and_stop_at_the_least() -> None:
    made, seen = genome([1, 1, 1, 0], 1.0), [0.75]
    rng = np.random.default_rng(0)
    for _ in range(20):
        mutDensity(made, least=0.1, sigma=0.5, rng=rng)
        seen.append(float(made.traits["density"][0]))
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] == 0.1


def test_rates_vary_within_their_limits_and_are_used() -> None:
    made, used = genome([1], 1.0), []

    def mutate(one: Genome, rate: float) -> tuple[Genome]:
        used.append(rate)
        return (one,)

    rng = np.random.default_rng(0)
    for _ in range(200):
        mutRate(made, mutate, "rate", 0.1, least=0.05, most=0.2, tau=0.5, rng=rng)
        assert made.traits["rate"].tolist() == used[-1:]
    assert min(used) == 0.05
    assert max(used) == 0.2
    assert len(set(used)) > 50


def test_evolving_rates_are_inherited_and_resumed(config: Config, tmp_path) -> None:
    settled = config(mutate="swap,layers,gains,repair", adapt=0.3, gens=4, mate="none", target_density=0.5)

    def interrupt(*progress: object) -> None:
        raise KeyboardInterrupt

    whole = evolve(settled, tmp_path / "whole", SerialMap()).evolution
    evolve(settled, tmp_path / "parts", SerialMap(), interrupt)
    parts = evolve(settled, tmp_path / "parts", SerialMap()).evolution
    assert all(a.identical(b) for a, b in zip(parts.population, whole.population, strict=True))
    assert {"rate 1, of swap", "rate 2, of layers", "rate 3, of gains"} <= whole.population[0].traits.keys()


def test_one_run_gives_a_front_of_densities(config: Config) -> None:
    settled = config(arch="mlp-100", select="nsga2", pop=8, **{**SPARSE, "target_density": 0.1})
    evolution = Evolution.of(settled)
    seen = set()
    for _ in range(4):
        evolution.advance()
        seen |= {one.density for one in evolution.population}
    assert max(seen) == 1
    assert 0.099 <= min(seen) < 0.5
    assert len(seen) > 5


@pytest.mark.parametrize("select_from", [None, 0])
def test_lineages_are_kept_apart_while_the_density_falls(select_from: int | None, config: Config) -> None:
    settled = config(gens=6, density_gens=5, select_from=select_from, pop=6, elites=0, **SPARSE)
    evolution = Evolution.of(settled)
    families = []
    for _ in range(7):
        evolution.advance()
        families.append(len({np.abs(one.weights).tobytes() for one in evolution.population}))
    if select_from is None:
        assert families[:6] == [6] * 6
        assert families[6] < 6
    else:
        assert families[3] < 6
