"""A cluster, a client and a process that others use too: runs do not meet, all is left as it was found."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import random
import threading
import time
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nets_deap import Data, Problem
from nets_deap.data import loading
from nets_deap.parallel import DaskMap
from nets_deap.util import agreed, shared
from nets_deap.util.errors import NetsError
from tests.parallel.dask_fixture import cluster

pytest.importorskip("distributed")

XOR = ("nets_deap.data.loading", "load", ("xor", "data", False, None, 0.1, 0))


@pytest.fixture(scope="module")
def joined() -> Iterator[Any]:
    with cluster(1) as found:
        yield found


@pytest.fixture
def client(joined: Any) -> Iterator[Any]:
    from distributed import Client

    with Client(joined) as found:
        yield found


def square(x: int) -> int:
    return x * x


def problem(seed: int) -> Problem:
    """One with data of its own."""
    rng = np.random.default_rng(seed)
    return Problem(Data.of((rng.normal(size=(200, 8)).astype(np.float32), rng.integers(0, 2, 200))))


def plugins(joined: Any) -> list[str]:
    return [name for name in joined.scheduler.worker_plugins if name.startswith("nets-deap")]


def test_runs_with_other_data_do_not_meet(joined: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One has data that differ from the worker's; the other goes on."""
    address = joined.scheduler_address
    with DaskMap(scheduler=address) as good, DaskMap(scheduler=address) as bad:
        assert good(square, [2]) == [4]
        with monkeypatch.context() as patch:
            patch.setattr(agreed, "known", lambda: {XOR: "another"})
            with pytest.raises(NetsError, match="the data set xor differs from process to process"):
                bad(square, [1])
        assert good(square, [3]) == [9]


def drawn_while_another_run_begins(_: int) -> float:
    """On a worker: a number from the global stream, before which the plugin of another run is set up."""
    from distributed import get_worker

    from nets_deap.parallel.dask_worker import Ready

    random.seed(5)
    Ready("another run", {}, {}, False, "cpu").setup(get_worker())  # type: ignore[arg-type]
    return random.random()


def test_a_run_that_begins_does_not_disturb_what_another_draws(joined: Any) -> None:
    with DaskMap(scheduler=joined.scheduler_address) as engine:
        assert engine(drawn_while_another_run_begins, [0]) == [random.Random(5).random()]


@cache
def slowly_loaded() -> None:
    time.sleep(2)


def test_loading_is_not_part_of_the_time_that_an_item_may_take(
    joined: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = (__name__, "slowly_loaded", ())
    monkeypatch.setattr(agreed, "known", lambda: {call: ""})
    with DaskMap(scheduler=joined.scheduler_address, timeout=1.0) as engine:
        assert engine(square, [3], lost=lambda x: -x) == [9]


@pytest.fixture
def no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values have no files, as on another machine."""
    kept: dict[str, bytes] = {}
    contents = shared.contents

    def taken(key: str) -> bytes:
        if key not in kept:
            kept[key] = contents(key)
            (shared._folder() / key).unlink()
        return kept[key]

    monkeypatch.setattr(shared, "contents", taken)


def checksums(_: int, problems: list[Problem]) -> list[str]:
    return [problem.data.checksum for problem in problems]


def test_a_value_stays_when_others_join_it(joined: Any, no_files: None) -> None:
    one, two = problem(1), problem(2)
    with DaskMap(scheduler=joined.scheduler_address) as engine:
        for given in ([one], [one, two], [one], [two]):
            assert engine(partial(checksums, problems=given), [0]) == [checksums(0, given)]


def test_a_value_stays_when_another_map_closes(joined: Any, no_files: None) -> None:
    given = [problem(1)]
    function, expected = partial(checksums, problems=given), [checksums(0, given)]
    with DaskMap(scheduler=joined.scheduler_address) as engine:
        assert engine(function, [0]) == expected
        with DaskMap(scheduler=joined.scheduler_address) as other:
            assert other(function, [0]) == expected
        assert engine(function, [0]) == expected


def drawn() -> list[float]:
    numbers = []
    for _ in range(100):
        numbers.append(random.random())
        time.sleep(0.001)  # others have their turn
    return numbers


def beside_dask(seed: int) -> list[float]:
    """Numbers that a seed gives while Dask measures the sizes of lists, as its event loop does."""
    from dask.sizeof import sizeof

    over, numbers = threading.Event(), list(range(1000))

    def measure() -> None:
        while not over.is_set():
            sizeof(numbers)

    thread = threading.Thread(target=measure)
    thread.start()
    try:
        random.seed(seed)
        return drawn()
    finally:
        over.set()
        thread.join()


def test_dask_draws_no_number_of_ours_neither_there_nor_here(joined: Any) -> None:
    random.seed(7)
    expected = drawn()
    with DaskMap(scheduler=joined.scheduler_address) as engine:
        assert engine(beside_dask, [7]) == [expected]
        assert beside_dask(7) == expected


def test_two_threads_share_a_map(joined: Any) -> None:
    told: dict[int, Any] = {}
    given = {seed: [problem(seed)] for seed in (3, 4)}

    def run(seed: int) -> None:
        for _ in range(3):
            (told[seed],) = engine(partial(checksums, problems=given[seed]), [0])

    with DaskMap(scheduler=joined.scheduler_address) as engine:
        threads = [threading.Thread(target=run, args=(seed,)) for seed in given]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert told == {seed: checksums(0, problems) for seed, problems in given.items()}


def test_a_users_client_is_left_as_it_was_found(client: Any, joined: Any) -> None:
    import dask

    settings = dask.config.config.copy()
    with DaskMap(client=client) as engine, DaskMap(client=client) as other:
        assert engine(square, [2]) == other(square, [2]) == [4]
        assert plugins(joined)
    assert plugins(joined) == []
    assert dask.config.config == settings
    assert client.submit(square, 3).result() == 9


def test_settings_of_the_process_come_back() -> None:
    import dask

    names = ("distributed", "distributed.client")
    before = dask.config.get("distributed.scheduler"), [logging.getLogger(name).level for name in names]
    with DaskMap(1) as engine:
        assert engine(square, [2]) == [4]
    assert before == (
        dask.config.get("distributed.scheduler"),
        [logging.getLogger(name).level for name in names],
    )


def test_workers_that_are_threads_are_refused() -> None:
    with (
        cluster(1, processes=False) as found,
        found.get_client() as client,
        DaskMap(client=client) as engine,
        pytest.raises(NetsError, match="the workers are threads of this process"),
    ):
        engine(square, [1])


def test_an_asynchronous_client_is_refused(joined: Any) -> None:
    import asyncio

    from distributed import Client

    async def given() -> None:
        async with Client(joined.scheduler_address, asynchronous=True) as client:
            with pytest.raises(NetsError, match="an asynchronous client"):
                DaskMap(client=client)

    asyncio.run(given())


def checksum(name: str) -> str:
    return loading.load(name).checksum


def test_files_that_have_changed_since_an_earlier_run_are_loaded_again(joined: Any) -> None:
    name = f"csv:{Path('table.csv').absolute()}?target=y"
    found = []
    for run in range(2):
        rows = [f"{(i * 7 + run) % 11},{i % 2}" for i in range(60)]
        Path("table.csv").write_text("\n".join(["x,y", *rows]), encoding="utf-8")
        loading.load.cache_clear()
        found.append(checksum(name))
        with DaskMap(scheduler=joined.scheduler_address) as engine:
            assert engine(checksum, [name]) == found[-1:]
    assert found[0] != found[1]


def held(checksum: str) -> int:
    gc.collect()
    return sum(isinstance(found, Data) and found.checksum == checksum for found in gc.get_objects())


def test_a_worker_keeps_no_values_of_a_run_that_has_ended(client: Any) -> None:
    given = [problem(7)]
    (expected,) = checksums(0, given)
    with DaskMap(client=client) as engine:
        assert engine(partial(checksums, problems=given), [0]) == [[expected]]
        assert list(client.run(held, expected).values()) == [1]
    assert list(client.run(held, expected).values()) == [0]


def test_a_worker_that_starts_starts_no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """It imports a script without a guard."""
    monkeypatch.setattr(multiprocessing.current_process(), "_inheriting", True, raising=False)
    with DaskMap(1) as engine, pytest.raises(NetsError, match="below `if __name__ == '__main__':`"):
        engine(square, [1])
