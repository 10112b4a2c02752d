from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from nets_deap.evolution import pipeline
from nets_deap.evolution.folder import evolve
from nets_deap.evolution.maps import BatchedMap
from nets_deap.evolution.mutations import MUTATIONS, OF_DORMANT, TRACES
from nets_deap.evolution.pipeline import parse
from nets_deap.evolution.run import Evolution
from nets_deap.evolution.settings import EvolveConfig
from nets_deap.individuals.halls_of_fame import measured
from nets_deap.parallel.processes import MultiprocessMap
from nets_deap.parallel.serial import SerialMap
from nets_deap.pruning import traces
from nets_deap.util.errors import NetsError

Config = Callable[..., EvolveConfig]
SPARSE = {"init_density": 1.0, "target_density": 0.4, "density_gens": 2, "mate": "none", "elites": 0}


def test_names_and_numbers_come_back_as_they_were_given() -> None:
    for text in ("prune", "prune-increase:0.1,grow", "layers:0.3,flip,repair", "noise,resample:0.05"):
        assert str(parse(text)) == text
    assert str(parse(" swap:0.10 / noise")) == "swap:0.1,noise"
    assert str(parse("prune-magnitude")) == "prune"
    assert str(parse("")) == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prun", "did you mean 'prune'"),
        ("prune-incraese", "did you mean 'increase'"),
        ("swap-magnitude", "unknown mutation 'swap-magnitude'"),
        ("grow:0.1", "grow takes no number"),
        ("swap:much", "'much' is not a number"),
        ("swap:1.5", "expected a number from 0 to 1"),
        ("swap:nan", "expected a number from 0 to 1"),
    ],
)
def test_what_cannot_be_understood_is_one_line(text: str, message: str) -> None:
    with pytest.raises(NetsError, match=message):
        parse(text)


def test_the_traces_that_can_be_named_are_those_that_can_be_computed() -> None:
    assert {*TRACES, "flipped"} == traces.TRACES.keys()
    assert {m.by for m in MUTATIONS.values() if m.by} <= traces.TRACES.keys()


@pytest.mark.parametrize("name", MUTATIONS)
def test_every_mutation_runs_three_generations(name: str, config: Config) -> None:
    moves = f"{name},repair" if name in ("layers", "global", "density") else name
    evolution = Evolution.of(config(mutate=moves, crossover=0.0))
    for _ in range(4):
        evolution.advance()
    assert len(evolution.logbook) == 4


@pytest.mark.parametrize("by", TRACES)
def test_pruning_and_growing_go_by_every_trace(by: str, config: Config) -> None:
    grow = by if by in OF_DORMANT else "gradient"
    evolution = Evolution.of(config(mutate=f"prune-{by}:0.3,grow-{grow}", **SPARSE))
    active = []
    for _ in range(4):
        evolution.advance()
        active.append({len(genome) for genome in evolution.population})
    n = evolution.problem.layout.size
    assert active == [{n}, {round(n * 0.4**0.5)}, {round(n * 0.4)}, {round(n * 0.4)}]


def test_only_initialisations_are_inherited(config: Config) -> None:
    """Whatever training does to weights, a child's are its parent's but for signs."""
    evolution = Evolution.of(config(mutate="flip,layers,prune-increase:0.2,grow", lr=1.0, **SPARSE))
    evolution.advance()
    magnitudes = {np.abs(genome.weights).tobytes() for genome in evolution.population}
    signs = {genome.weights.tobytes() for genome in evolution.population}
    for _ in range(3):
        evolution.advance()
        for genome in evolution.population:
            assert np.abs(genome.weights).tobytes() in magnitudes
    assert not {genome.weights.tobytes() for genome in evolution.population} <= signs


def test_without_a_plan_a_first_population_is_as_dense_as_chance_has_it(config: Config) -> None:
    options = {"target_density": 0.5, "init_density": 0.5, "arch": "mlp-100", "pop": 20}
    planned = Evolution.of(config(mutate="noise,repair", **options))
    chance = Evolution.of(config(mutate="noise", **options))
    counts = []
    for evolution in (planned, chance):
        evolution.advance()
        counts.append({len(genome) for genome in evolution.population})
    assert counts[0] == {round(0.5 * planned.problem.layout.size)}
    assert len(counts[1]) > 5


def test_the_ticket_is_of_the_target_density_and_not_a_denser_one(config: Config, tmp_path) -> None:
    for elites in (0, 2):
        settled = config(mutate="prune", **{**SPARSE, "elites": elites})
        outcome = evolve(settled, tmp_path / str(elites), SerialMap())
        best = outcome.evolution.best
        assert len(best) == round(0.4 * best.mask.size)
        assert measured(best).generation >= 2


@pytest.mark.parametrize("engine", [SerialMap, lambda: MultiprocessMap(2), BatchedMap])
def test_informed_runs_resume_as_if_never_interrupted(engine, config: Config, tmp_path) -> None:
    settled = config(mutate="layers,flip,prune-product:0.2,grow", gens=5, input_dropout=0.2, **SPARSE)

    def interrupt(*progress: object) -> None:
        raise KeyboardInterrupt

    with engine() as map_:
        whole = evolve(settled, tmp_path / "whole", map_).evolution
        for _ in range(4):
            assert not evolve(settled, tmp_path / "parts", map_, interrupt).finished
        parts = evolve(settled, tmp_path / "parts", map_).evolution
    assert all(a.identical(b) for a, b in zip(parts.population, whole.population, strict=True))


def test_patience_counts_from_where_the_density_is_down(config: Config) -> None:
    from nets_deap.evolution.record import finished

    settled = config(mutate="prune", patience=1, gens=9, **{**SPARSE, "density_gens": 4})
    rising = [{"gen": i, "fitness_min": float(i)} for i in range(10)]
    assert not finished(settled, rising[:5])
    assert not finished(settled, rising[:6])
    assert finished(settled, rising[:7]) == "no improvement for 2 generations"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mutate": "noise", "density_gens": 2}, "go by no planned density: add prune, grow or repair"),
        ({"mutate": "prune", "density_gens": 4}, "`gens` 3: the density would not come down"),
        ({"mate": "unifrom"}, "did you mean 'uniform'"),
        ({"input_dropout": 1.0}, "less than 1"),
        ({"lr_factor": 0.0}, "greater than 0"),
    ],
)
def test_settings_that_do_not_go_together_are_one_line(options: dict, message: str, config: Config) -> None:
    with pytest.raises(NetsError, match=message):
        config(**options)


def test_differences_in_rates_are_differences_in_runs(config: Config) -> None:
    assert config(mutate="swap:0.1").fingerprint() != config(mutate="swap:0.2").fingerprint()
    assert pipeline.parse("swap").steps[0].resolved_rate(config()) == 0.02
    assert pipeline.parse("dormancy").steps[0].resolved_rate(config(dormancy=0.3)) == 0.3
