"""Threads of a process share the global random streams: they take turns, and nobody waits for ever."""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from multiprocessing.pool import ThreadPool
from typing import Any

import numpy as np
import pytest

from nets_deap.evolution.maps import BatchedMap
from nets_deap.evolution.settings import EvolveConfig
from nets_deap.parallel.processes import MultiprocessMap
from nets_deap.parallel.serial import SerialMap
from nets_deap.util.random_streams import fitness_streams, generation_streams, loading, training_streams
from tests.util.test_random_streams import run

Config = Callable[..., EvolveConfig]


class Dawdling(SerialMap):
    """Lets other threads go on before each evaluation."""

    def __call__(self, function: Callable[[Any], Any], items: Any, *more: Any) -> list[Any]:
        time.sleep(0.01)
        return [function(item) for item in items]


@pytest.fixture
def restless_threads() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("restless_threads")
@pytest.mark.parametrize(
    "kind", [Dawdling, pytest.param(partial(MultiprocessMap, 1), marks=pytest.mark.slow), BatchedMap]
)
def test_evolutions_in_threads_do_not_disturb_each_other(kind: Callable[[], Any], config: Config) -> None:
    settings = [config(seed=seed, gens=8, pop=8) for seed in (1, 2)]
    alone, together = [run(one, kind()) for one in settings], [None] * 2

    def work(place: int) -> None:
        with kind() as engine:
            together[place] = run(settings[place], engine)  # type: ignore[call-overload]

    threads = [threading.Thread(target=work, args=(place,)) for place in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone


def test_a_worker_forked_while_a_thread_draws_is_not_held_up() -> None:
    inside, leave = threading.Event(), threading.Event()

    def draw() -> None:
        with generation_streams(0, 0), fitness_streams(0, 0, b""):
            inside.set()
            leave.wait()

    def turn(_: int) -> int:
        with generation_streams(0, 0), fitness_streams(0, 0, b""):
            return random.getrandbits(32)

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        assert inside.wait(10)
        with MultiprocessMap(1) as engine:
            assert engine(turn, [0, 1])[0] == engine(turn, [0])[0]
    finally:
        leave.set()
        thread.join()


def a_training() -> AbstractContextManager[None]:
    return training_streams(np.random.default_rng(0))


@pytest.mark.parametrize(
    "turn", [partial(generation_streams, 0, 0), partial(fitness_streams, 0, 0, b""), a_training]
)
def test_loading_waits_for_what_draws_in_other_threads_and_takes_nothing_back(
    turn: Callable[[], AbstractContextManager[None]],
) -> None:
    told: list[float] = []
    began, drawn = threading.Event(), threading.Event()

    def load() -> None:
        began.set()
        with loading():
            told.append(drawn.is_set())

    thread = threading.Thread(target=load)
    with turn():
        random.seed(3)
        thread.start()
        began.wait()
        time.sleep(0.1)
        expected = random.Random(3)
        assert [random.random() for _ in range(3)] == [expected.random() for _ in range(3)]
        drawn.set()
    thread.join()
    assert told == [True]


def test_an_evolution_evaluated_by_threads_is_not_held_up(config: Config) -> None:
    with ThreadPool(2) as pool:
        assert run(config(gens=1), pool.map) == run(config(gens=1))


def test_a_search_within_a_fitness_does_not_wait_for_a_generation_that_waits_for_the_fitness() -> None:
    inside, waiting = threading.Event(), threading.Event()

    def search_within_a_fitness() -> None:
        with fitness_streams(0, 0, b""):
            inside.set()
            waiting.wait(10)
            with generation_streams(0, 0):
                pass

    thread = threading.Thread(target=search_within_a_fitness, daemon=True)
    thread.start()
    assert inside.wait(10)
    with generation_streams(1, 0):
        waiting.set()
        thread.join(10)
        assert not thread.is_alive()
