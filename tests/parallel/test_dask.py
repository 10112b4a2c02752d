"""The map over the workers of a Dask cluster, joined and of our own."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nets_deap import Data, Problem
from nets_deap.parallel import DaskMap, MultiprocessMap, SerialMap
from nets_deap.util import inside
from nets_deap.util.errors import NetsError, NetsWarning
from tests.parallel.dask_fixture import cluster

pytest.importorskip("distributed")


def square(x: int) -> int:
    return x * x


def die_on_three(x: int) -> int:
    if x == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return x


def die_once(path: str) -> int:
    if not Path(path).exists():
        Path(path).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return 1


def sleep(seconds: float) -> float:
    for _ in inside.counted("nap", range(round(seconds * 100)), round(seconds * 100)):
        time.sleep(0.01)
    return seconds


def sleep_or_fail(x: int) -> float:
    return sleep(60) if x else 1 / (sleep(1) * 0)


class Doubled:
    """Computes many at once, which says so by a tenth."""

    def __call__(self, x: int) -> float:
        return 2.0 * x

    def all(self, items: list[int]) -> list[float]:
        return [2.0 * x + 0.1 for x in items]


def tasks(joined: Any) -> list[str]:
    return [str(key) for key in joined.scheduler.tasks]


def test_results_keep_the_order_and_leave_no_task(engine: DaskMap, joined: Any) -> None:
    told: list[int] = []
    assert engine(square, range(30), told.append) == [x * x for x in range(30)]
    assert sorted(told) == [x * x for x in range(30)]
    assert engine(square, []) == []
    assert engine.workers == 2
    deadline = time.monotonic() + 10
    while tasks(joined) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert tasks(joined) == []


def test_global_random_streams_are_not_disturbed(engine: DaskMap) -> None:
    random.seed(1)
    np.random.seed(1)
    expected = random.random(), np.random.random()
    random.seed(1)
    np.random.seed(1)
    engine(square, range(3))
    assert (random.random(), np.random.random()) == expected


def test_what_the_function_raises_is_raised_here(engine: DaskMap) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        engine(lambda x: 1 / x, [1, 0])
    assert "In a worker process" in "".join(caught.value.__notes__)


def test_a_lost_worker_is_replaced_and_a_killing_item_given_up(engine: DaskMap, tmp_path: Path) -> None:
    assert engine(die_once, [str(tmp_path / "a")]) == [1]
    assert engine(die_on_three, range(6), lost=lambda x: -x) == [0, 1, 2, -3, 4, 5]
    with pytest.raises(NetsError, match="ended its worker 3 times"):
        engine(die_on_three, [3])


@pytest.mark.slow
def test_of_a_share_only_the_killing_item_is_given_up(engine: DaskMap) -> None:
    engine.stacks = True
    assert engine(die_on_three, range(6), lost=lambda x: -x) == [0, 1, 2, -3, 4, 5]


def test_each_worker_gets_its_share_as_one_stack(engine: DaskMap) -> None:
    assert engine(Doubled(), range(4)) == [0.0, 2.0, 4.0, 6.0]
    engine.stacks = True
    assert engine(Doubled(), range(4)) == [0.1, 2.1, 4.1, 6.1]


def test_an_item_that_takes_too_long_is_given_up(joined: Any) -> None:
    with DaskMap(scheduler=joined.scheduler_address, timeout=1.0) as engine:
        assert engine(time.sleep, [60, 0], lost=lambda x: x) == [60, None]
        with pytest.raises(NetsError, match="took longer than `eval_timeout` 1 s"):
            engine(time.sleep, [60])


def test_what_nobody_waits_for_ends(engine: DaskMap, joined: Any) -> None:
    """The other item raises; the one that sleeps ends too, and soon, as whoever counts its steps hears."""

    with pytest.raises(ZeroDivisionError):
        engine(sleep_or_fail, [1, 0])
    start = time.monotonic()
    assert engine(square, range(4)) == [0, 1, 4, 9]
    with DaskMap(scheduler=joined.scheduler_address) as other:
        busy = other.cluster
        busy.start()
        while any(busy.client.processing().values()):
            assert time.monotonic() - start < 20
            time.sleep(0.1)


def checksum_and_process(_: int, problem: Problem) -> tuple[str, int]:
    return problem.data.checksum, os.getpid()


def test_data_of_the_users_own_are_sent_once(engine: DaskMap, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even as a file: the workers are elsewhere."""
    from functools import partial

    from nets_deap.util import shared

    rng = np.random.default_rng(0)
    data = Data.of((rng.normal(size=(200, 8)).astype(np.float32), rng.integers(0, 2, 200)))
    work = partial(checksum_and_process, problem=Problem(data))
    read: list[str] = []
    contents = shared.contents

    def taken(key: str) -> bytes:
        read.append(key)
        told = contents(key)
        (shared._folder() / key).unlink()
        return told

    monkeypatch.setattr(shared, "contents", taken)
    assert {checksum for checksum, _ in engine(work, range(4))} == {data.checksum}
    assert {checksum for checksum, _ in engine(work, range(4))} == {data.checksum}
    assert len(read) == 1


def test_a_worker_that_joins_later_takes_part(tmp_path: Path) -> None:
    with cluster(1) as found, DaskMap(scheduler=found.scheduler_address) as engine:
        assert len(set(engine(lambda x: os.getpid(), range(4)))) == 1
        found.scale(2)
        found.wait_for_workers(2)
        assert len(set(engine(lambda x: (time.sleep(0.3), os.getpid())[1], range(8)))) == 2


@pytest.mark.slow
def test_a_cluster_without_workers_is_waited_for_and_told_of() -> None:
    with cluster(1) as found, DaskMap(scheduler=found.scheduler_address) as engine:
        found.scale(0)
        later = threading.Timer(3, found.scale, [1])
        later.start()
        with pytest.warns(NetsWarning, match=r"the scheduler at tcp://.* has no worker: waiting for one"):
            assert engine(square, [3]) == [9]


def test_a_scheduler_that_goes_away_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nets_deap.parallel.joining.PATIENCE", "1s")
    with cluster(1) as found, DaskMap(scheduler=found.scheduler_address) as engine:
        engine(square, [1])
        found.close()
        with pytest.raises(NetsError, match=r"the scheduler at tcp://.* is gone"):
            engine(square, [1])


def test_a_cluster_of_our_own_ends_with_the_map() -> None:
    with DaskMap(2) as engine:
        found = engine(lambda x: (time.sleep(0.2), os.getpid())[1], range(6))
        assert len(set(found)) == 2
        assert not engine.elsewhere
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in found) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{pid}").exists() for pid in found)


def test_in_a_worker_it_is_serial(engine: DaskMap) -> None:
    assert engine(lambda x: engine(square, [x])[0], [2, 3]) == [4, 9]


def test_maps_say_the_same_of_themselves() -> None:
    for kind in (SerialMap, MultiprocessMap, DaskMap):
        assert isinstance(kind.sends, bool)
        assert hasattr(kind, "elsewhere")
