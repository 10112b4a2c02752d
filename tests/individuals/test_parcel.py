"""A genome that was sent is evaluated as the one that stayed, to the last bit."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import dill
import numpy as np
import pytest

from nets_deap.evolution.evaluator import Evaluator
from nets_deap.evolution.maps import map_genomes, parcels
from nets_deap.evolution.mutations import MUTATIONS
from nets_deap.evolution.settings import EvolveConfig
from nets_deap.evolution.toolbox import make_toolbox
from nets_deap.individuals.genome import Genome
from nets_deap.individuals.parcel import Parcel
from nets_deap.parallel.processes import MultiprocessMap
from nets_deap.parallel.serial import SerialMap
from nets_deap.pruning.traces import OF_DORMANT_WEIGHTS, TRACES
from nets_deap.util.random_streams import ORDER

Config = Callable[..., EvolveConfig]


def sent(parcel: Parcel) -> Genome:
    there: Genome = dill.loads(dill.dumps(parcel, recurse=True))
    assert pickle.loads(pickle.dumps(parcel)).content() == there.content()
    return there


def four() -> Genome:
    genome = Genome(np.array([1, -2, 3, -4]), np.array([True, False, False, True]))
    genome.traits[ORDER] = np.array([7.0])
    genome.fitness.values = (0.5,)
    return genome


def test_active_weights_mask_traits_and_digest_arrive() -> None:
    there = sent(Parcel(four(), whole=False))
    assert there.weights.tolist() == [1, 0, 0, -4]
    assert there.mask.tolist() == [True, False, False, True]
    assert (there.weights.dtype, there.mask.dtype) == (np.float32, bool)
    assert there.traits == {ORDER: 7.0}
    assert there.content() == four().content() != Genome(there.weights, there.mask).content()
    assert not there.fitness.valid
    assert sent(Parcel(four(), False, b"known")).content() == b"known"


def test_a_whole_genome_arrives_as_it_was(config: Config) -> None:
    toolbox = make_toolbox(config(mutate="prune,grow"))
    here = toolbox.individual()
    here.fitness.values = toolbox.evaluate(here)
    here.note = ["theirs"]
    measured = here.measured
    there: Any = sent(Parcel(here, whole=True))
    assert there.identical(here)
    assert (there.note, type(there.mask), there.mask.dtype) == (["theirs"], np.ndarray, bool)
    assert there.measured is None
    assert here.measured is measured


def test_a_message_has_no_dormant_weights() -> None:
    genome = Genome(np.ones(100_000), np.arange(100_000) % 50 == 0)
    assert len(dill.dumps(Parcel(genome, whole=False), recurse=True)) < 2_000 * (4 + 1) + 1_000
    assert len(dill.dumps(Parcel(genome, whole=True), recurse=True)) < 100_000 * 4 + 2_000 + 1_000


def alike(here: Genome, there: Genome) -> None:
    assert repr(there.measured) == repr(here.measured)
    assert there.measured == here.measured
    assert here.measured
    assert there.measured
    assert {name: trace.tobytes() for name, trace in there.measured.traces.items()} == {
        name: trace.tobytes() for name, trace in here.measured.traces.items()
    }


@pytest.mark.parametrize("name", MUTATIONS)
def test_what_every_mutation_makes_is_evaluated_alike(name: str, config: Config) -> None:
    planned = f"{name},repair" if name in ("layers", "global", "density") else name
    toolbox = make_toolbox(config(mutate=planned, arch="mlp-100", target_density=0.3))
    evaluator = toolbox.evaluate.func
    parents = toolbox.population(n=4)
    toolbox.parents[:] = parents
    for parent in parents:
        parent.fitness.values = evaluator(parent)
    children = [toolbox.mutate(toolbox.clone(parent))[0] for parent in parents]
    for child, parcel in zip(children, parcels(toolbox.evaluate, children), strict=True):
        assert not parcel.whole
        there = sent(parcel)
        assert evaluator(there) == evaluator(child)
        child.measured = pickle.loads(pickle.dumps(child.measured))
        alike(child, there)


@pytest.mark.parametrize("trace", TRACES)
def test_every_trace_is_the_same_and_comes_back_as_it_was(trace: str, config: Config) -> None:
    problem = config(arch="mlp-100", init_density=0.2).problem()
    evaluator = Evaluator(problem, traces=[trace])
    here = make_toolbox(config(arch="mlp-100", init_density=0.2)).individual()
    (parcel,) = parcels(evaluator, [here])
    assert parcel.whole == (trace in OF_DORMANT_WEIGHTS)
    there = sent(parcel)
    assert evaluator(there) == evaluator(here)
    there.measured = pickle.loads(pickle.dumps(there.measured))
    alike(here, there)


@pytest.mark.parametrize("batch_size", [0, 2])
def test_dormant_weights_may_be_anything(batch_size: int, config: Config) -> None:
    here = make_toolbox(config(arch="mlp-100")).individual()
    here.weights[np.flatnonzero(~here.mask)[:2]] = np.inf, np.nan
    evaluator = Evaluator(config(arch="mlp-100", batch_size=batch_size).problem())
    there = sent(Parcel(here, whole=False))
    assert evaluator(there) == evaluator(here)
    alike(here, there)


def weighty(evaluation: Any, genome: Genome) -> float:
    return float(np.abs(genome.weights).sum()) + float(np.random.rand())


def test_a_fitness_of_ones_own_sees_all_of_a_genome(config: Config) -> None:
    evaluator = Evaluator(config().problem(), weighty)
    genomes = make_toolbox(config()).population(n=3)
    with MultiprocessMap(2) as two:
        assert map_genomes(two, evaluator, genomes) == map_genomes(SerialMap(), evaluator, genomes)


def large(genome: Genome) -> tuple[float]:
    return (float(np.abs(genome.weights).sum()),)


def test_a_function_of_ones_own_sees_all_of_a_genome(config: Config) -> None:
    genomes = make_toolbox(config()).population(n=3)
    with MultiprocessMap(2) as two:
        assert map_genomes(two, large, genomes) == [large(genome) for genome in genomes]


def test_a_map_of_ones_own_gets_the_genomes(config: Config) -> None:
    toolbox = make_toolbox(config())
    given: list[Any] = []

    def own(function: Callable[[Any], Any], items: list[Any]) -> list[Any]:
        given.extend(items)
        return [function(item) for item in items]

    genomes = toolbox.population(n=3)
    map_genomes(own, toolbox.evaluate, genomes)
    assert all(item is genome for item, genome in zip(given, genomes, strict=True))
