from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from deap import algorithms

from nets_deap.config.presets import PAPERS_SEARCH
from nets_deap.evolution.folder import Outcome, evolve
from nets_deap.evolution.improvement import last_improvement
from nets_deap.evolution.record import finished
from nets_deap.evolution.run import Evolution
from nets_deap.evolution.selection_operators import SELECTIONS
from nets_deap.evolution.toolbox import make_toolbox
from nets_deap.individuals.genome import Genome
from nets_deap.individuals.halls_of_fame import ElitistHallOfFame, best_of
from nets_deap.parallel.processes import MultiprocessMap
from nets_deap.parallel.serial import SerialMap
from tests.evolution.small import Config, genome, run

PAIRS = [
    (name, algorithm)
    for name, entry in SELECTIONS.items()
    if not entry.refused
    for algorithm in entry.algorithms
]


def without_time(logbook: list[dict]) -> list[dict]:
    return [{key: value for key, value in row.items() if not key.endswith("_s")} for row in logbook]


def test_elites_overwrite_the_worst_as_clones() -> None:
    hall = ElitistHallOfFame(2)
    hall.update([genome(0.1, 1), genome(0.2, 2), genome(0.9, 3)])
    offspring = [genome(0.5, 4), genome(0.7, 5), genome(0.3, 6)]
    hall.update(offspring)
    assert sorted(g.fitness.values[0] for g in offspring) == [0.1, 0.2, 0.3]
    assert not any(member is g for member in hall for g in offspring)


def test_elites_that_are_there_already_overwrite_nothing() -> None:
    hall = ElitistHallOfFame(1)
    hall.update([genome(0.1, 1)])
    population = [genome(0.9, 3), genome(0.1, 1)]
    hall.update(population)
    assert [g.fitness.values[0] for g in population] == [0.9, 0.1]


@pytest.mark.parametrize("pop", [4, 5])
def test_one_generation_at_a_time_equals_one_call_of_easimple(pop: int, config: Config) -> None:
    settings = config(pop=pop, gens=4)
    populations = []
    for calls, ngen in ((4, 1), (1, 4)):
        random.seed(7)
        toolbox = make_toolbox(settings)
        population, hall = toolbox.population(n=pop), ElitistHallOfFame(2)
        for _ in range(calls):
            algorithms.eaSimple(population, toolbox, 1, 1, ngen, halloffame=hall, verbose=False)
        populations.append(population)
    assert all(a.same_genes(b) for a, b in zip(*populations, strict=True))


@pytest.mark.parametrize(("name", "algorithm"), PAIRS)
def test_every_selection_runs_three_generations(name: str, algorithm: str, config: Config) -> None:
    evolution = Evolution.of(config(select=name, algorithm=algorithm, pop=8))
    for generation in range(4):
        assert evolution.advance()["gen"] == generation
        assert len(evolution.population) == 8


@pytest.mark.parametrize("algorithm", ["simple", "mu-plus-lambda", "mu-comma-lambda"])
def test_with_elites_the_best_fitness_never_gets_worse(algorithm: str, config: Config) -> None:
    for seed in range(5):
        evolution = run(config(algorithm=algorithm, select="tournament", gens=6, seed=seed))
        best = [row["fitness_min"] for row in evolution.logbook]
        assert best == sorted(best, reverse=True)
        assert best_of(evolution.hall).evaluation.fitness == best[-1]


def test_a_clone_evaluated_anew_does_not_stand_in_for_its_elite(config: Config) -> None:
    # With rates this low most children are clones, evaluated on the minibatches of another generation.
    rates = {"noise": 0.001, "resample": 0.0, "dormancy": 0.0, "crossover": 0.0}
    search = PAPERS_SEARCH | {"init_density": 0.2}
    small = {"dataset": "digits", "arch": "mlp-10", "epochs": 1, "data_limit": 300, "pop": 10, "gens": 20}
    settings = config(**small, **search, **rates)
    best = [row["fitness_min"] for row in run(settings).logbook]
    assert best == sorted(best, reverse=True)


def test_without_elites_the_best_fitness_may_get_worse(config: Config) -> None:
    runs = [run(config(elites=0, gens=6, noise=0.9, seed=seed)) for seed in range(5)]
    curves = [[row["fitness_min"] for row in evolution.logbook] for evolution in runs]
    assert any(curve != sorted(curve, reverse=True) for curve in curves)


@pytest.mark.parametrize(
    "select", ["tournament", "lexicase", "nsga2", "nsga3", "spea2", "tournament-dcd", "sus"]
)
def test_the_same_seed_gives_the_same_logbook_whatever_the_map(select: str, config: Config) -> None:
    settings = config(select=select)
    serial = run(settings, SerialMap())
    assert without_time(run(settings).logbook) == without_time(serial.logbook)
    with MultiprocessMap(2) as engine:
        assert without_time(run(settings, engine).logbook) == without_time(serial.logbook)
    assert without_time(run(config(select=select, seed=2)).logbook) != without_time(serial.logbook)


@pytest.mark.parametrize(("name", "algorithm"), PAIRS)
def test_a_resumed_run_equals_an_uninterrupted_one(name: str, algorithm: str, config: Config) -> None:
    settings = config(select=name, algorithm=algorithm, pop=8, gens=4)
    whole = run(settings)

    class Stop(Exception):
        pass

    def stop(evolution: Evolution, row: dict) -> None:
        raise Stop

    for _ in range(4):  # every call leaves after one generation
        with pytest.raises(Stop):
            evolve(settings, Path("run"), SerialMap(), stop)
    outcome = evolve(settings, Path("run"), SerialMap())
    assert outcome.finished
    assert without_time(outcome.evolution.logbook) == without_time(whole.logbook)
    assert [len(g) for g in outcome.evolution.hall] == [len(g) for g in whole.hall]
    assert best_of(outcome.evolution.hall).same_genes(best_of(whole.hall))


@pytest.mark.parametrize("algorithm", ["simple", "mu-plus-lambda", "mu-comma-lambda"])
def test_a_fitness_that_draws_from_random_disturbs_nothing(algorithm: str, config: Config) -> None:
    Path("uneasy.py").write_text(
        "import random\ndef f(evaluation, genome):\n    random.seed(0)\n    return evaluation.val_loss\n",
        encoding="utf-8",
    )
    settings = config(algorithm=algorithm, fitness="uneasy:f")
    with MultiprocessMap(2) as engine:
        assert without_time(run(settings, engine).logbook) == without_time(run(settings).logbook)


def test_a_random_seed_elsewhere_does_not_disturb_a_run(config: Config) -> None:
    evolution = Evolution.of(config())
    for _ in range(4):
        evolution.advance()
        random.seed(99)
        np.random.seed(99)
    assert without_time(evolution.logbook) == without_time(run(config()).logbook)


def test_patience_is_exceeded_before_it_stops(config: Config) -> None:
    rows = [{"gen": i, "fitness_min": f} for i, f in enumerate([0.5, 0.4, 0.4, 0.4, 0.4])]
    settings = config(patience=2, gens=25)
    assert last_improvement(rows) == 1
    assert finished(settings, rows[:4]) == ""  # two generations without improvement
    assert finished(settings, rows) == "no improvement for 3 generations"
    assert finished(config(patience=0, gens=25), rows) == ""
    assert finished(config(gens=4), rows) == "4 generations"


def test_zero_generations_evaluate_the_first_population_only(config: Config) -> None:
    outcome = evolve(config(gens=0), Path("run"), SerialMap())
    assert [row["nevals"] for row in outcome.evolution.logbook] == [4]


def test_a_single_lineage_comes_down_to_its_density(config: Config) -> None:
    lineage = config(pop=1, gens=3, mate="none", mutate="prune", init_density=0.8, target_density=0.2)
    assert [row["density_avg"] for row in run(lineage).logbook] == [0.8, 0.4, 0.2, 0.2]


@pytest.mark.parametrize("algorithm", ["mu-plus-lambda", "mu-comma-lambda"])
def test_a_single_parent_has_offspring_without_a_mate(algorithm: str, config: Config) -> None:
    found = run(config(preset="paper", pop=1, gens=2, algorithm=algorithm, offspring=3, select="best"))
    assert [row["nevals"] for row in found.logbook] == [1, 3, 3]


def test_a_time_limit_stops_between_generations_and_can_be_resumed(config: Config) -> None:
    outcome = evolve(config(time_limit=1e-9), Path("run"), SerialMap())
    assert (outcome.finished, outcome.reason, outcome.evolution.generation) == (False, "time limit", 0)
    outcome = evolve(config(), Path("run"), SerialMap())
    assert without_time(outcome.evolution.logbook) == without_time(run(config()).logbook)


def test_ctrl_c_keeps_what_is_complete(config: Config) -> None:
    def interrupt(evolution: Evolution, row: dict) -> None:
        if row["gen"] == 1:
            raise KeyboardInterrupt

    outcome: Outcome = evolve(config(), Path("run"), SerialMap(), interrupt)
    assert (outcome.finished, outcome.reason, outcome.evolution.generation) == (False, "interrupted", 1)
    outcome = evolve(config(), Path("run"), SerialMap())
    assert without_time(outcome.evolution.logbook) == without_time(run(config()).logbook)


def test_nothing_is_left_where_nothing_was_evaluated(config: Config) -> None:
    Path("broken.py").write_text("def f(evaluation, genome):\n    raise ValueError('no')\n", encoding="utf-8")
    with pytest.raises(Exception, match="raised ValueError"):
        evolve(config(fitness="broken:f"), Path("deep/run"), SerialMap())
    assert not Path("deep/run").exists()


def test_a_pareto_run_writes_its_front(config: Config) -> None:
    outcome = evolve(config(select="nsga2", pop=8), Path("run"), SerialMap())
    lines = Path("run/front.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "ticket,density,val_loss,val_acc,fitness"
    rows = [line.split(",") for line in lines[1:]]
    assert len(rows) == len(outcome.evolution.hall) > 1
    assert all((Path("run") / row[0]).exists() for row in rows)
    densities, losses = [float(r[1]) for r in rows], [float(r[2]) for r in rows]
    assert densities == sorted(densities)
    assert losses == sorted(losses, reverse=True)  # on a front, sparser is worse


@pytest.mark.parametrize("select", ["nsga2", "spea2", "tournament-dcd"])
def test_the_ticket_of_a_pareto_run_is_the_best_that_ever_was(select: str, config: Config) -> None:
    # Near the target density the fitness has its minimum inside: a sparser genome dominates the best.
    for seed in range(3):
        settings = config(select=select, pop=8, gens=6, seed=seed, target_density=0.6, init_density=0.6)
        evolution = Evolution.of(settings)
        seen: list[float] = []
        evaluate = evolution.evaluator.evaluate

        def spy(genome: Genome, evaluate=evaluate, seen=seen):
            seen.append((evaluation := evaluate(genome)).fitness)
            return evaluation

        evolution.evaluator.evaluate = spy  # type: ignore[method-assign]
        for _ in range(7):
            evolution.advance()
        assert evolution.ticket().info["fitness"] == min(seen)


def test_the_toolbox_is_wired_as_the_config_says(config: Config) -> None:
    settings = config(
        init="kaiming", crossover=0.1, noise=0.2, resample=0.3, dormancy=0.4, awaken=0.5, init_density=0.9
    )
    toolbox, std = make_toolbox(settings), settings.problem().initial_std()
    assert std[0] == pytest.approx(1.0)  # kaiming at two inputs
    assert toolbox.mate.keywords["indpb"] == 0.1
    named = [mutation.args for mutation in toolbox.mutate.keywords["mutations"]]  # see lineage.noted
    assert [name for name, _ in named] == ["noise", "resample", "dormancy", "awaken"]
    mutations = [mutation for _, mutation in named]
    assert {m.func.__name__: m.keywords["indpb"] for m in mutations} == {
        "mutGaussianNoise": 0.2, "mutResampleWeights": 0.3, "mutDormancy": 0.4, "mutAwaken": 0.5,
    }  # fmt: skip
    assert (mutations[0].keywords["sigma"] == std).all()
    assert (mutations[1].keywords["std"] == std).all()
    assert np.mean([toolbox.individual().density for _ in range(50)]) == pytest.approx(0.9, abs=0.03)
    assert np.std([toolbox.individual().weights for _ in range(50)]) == pytest.approx(
        std.std() + 0.75, abs=0.2
    )


def test_every_child_of_a_simple_generation_is_evaluated_anew(config: Config) -> None:
    evolution = Evolution.of(config(elites=0, pop=6))
    for generation in range(3):
        assert evolution.advance()["nevals"] == 6
        assert {g.evaluation.generation for g in evolution.population} == {generation}


def test_a_front_holds_no_tickets_of_a_shorter_run(config: Config) -> None:
    for gens in (3, 6):
        outcome = evolve(config(select="nsga2", pop=8, gens=gens), Path("run"), SerialMap())
        assert len(list(Path("run/front").iterdir())) == len(outcome.evolution.hall)


def test_tracking_the_test_set_changes_nothing_else(config: Config) -> None:
    plain, tracked = run(config()), run(config(track_test=True))
    kept = [{k: v for k, v in row.items() if k != "test_acc_best"} for row in tracked.logbook]
    assert without_time(kept) == without_time(plain.logbook)
    assert all(0 <= row["test_acc_best"] <= 1 for row in tracked.logbook)


def test_the_paper_preset_only_ever_loses_weights(config: Config) -> None:
    evolution = Evolution.of(config(preset="paper", elites=0))
    evolution.advance()
    union = np.any([g.mask for g in evolution.population], axis=0)
    for _ in range(4):
        evolution.advance()
        now = np.any([g.mask for g in evolution.population], axis=0)
        assert not (now & ~union).any()
        union = now
