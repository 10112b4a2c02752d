from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from nets_deap.parallel import choice
from nets_deap.parallel.choice import make_map
from nets_deap.parallel.processes import MultiprocessMap
from nets_deap.parallel.serial import SerialMap
from nets_deap.util.errors import NetsError


def square(x: int) -> int:
    return x * x


def die_once(path: str) -> int:
    """Kill the own process, the first time round."""
    if not Path(path).exists():
        Path(path).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").split(")")[1].split()[0] != "Z"


def wait_until(condition, seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def pool():
    with MultiprocessMap(2) as engine:
        yield engine


@pytest.mark.parametrize("engine", [SerialMap(), MultiprocessMap(1), MultiprocessMap(2), MultiprocessMap(3)])
def test_maps_keep_the_order_and_take_an_empty_list(engine) -> None:
    assert engine(square, range(7)) == [x * x for x in range(7)]
    assert engine(square, []) == []
    assert engine(lambda x: x + 1, [1, 2]) == [2, 3]  # a function of a script or notebook
    engine.close()


def test_the_workers_stay_between_calls(pool: MultiprocessMap) -> None:
    first, second = ({*pool(lambda _: os.getpid(), range(20))} for _ in range(2))
    assert len(first | second) <= 2  # a pool of its own for each call would show more
    assert os.getpid() not in first


def test_spawned_workers_give_the_same() -> None:
    with MultiprocessMap(1, start="spawn") as engine:
        assert engine(square, [3]) == [9]


def test_an_item_whose_worker_dies_is_computed_again(pool: MultiprocessMap) -> None:
    mark = str(Path("died").absolute())
    assert len(pool(die_once, [mark] * 6)) == 6
    assert Path(mark).exists()


def test_a_worker_killed_from_outside_is_replaced(pool: MultiprocessMap) -> None:
    pids = pool(lambda _: os.getpid(), range(2))
    for pid in set(pids):
        os.kill(pid, signal.SIGKILL)
    assert pool(square, range(5)) == [0, 1, 4, 9, 16]


@pytest.mark.parametrize("workers", [1, 2])
def test_all_workers_killed_while_idle_are_replaced(workers: int) -> None:
    with MultiprocessMap(workers) as engine:
        engine(square, range(4))
        for worker in engine._pool:
            os.kill(worker.process.pid, signal.SIGKILL)
            worker.process.join()
        assert engine(square, range(4)) == [0, 1, 4, 9]


def test_workers_compute_in_one_thread() -> None:
    torch.ones(4000, 400).sum()  # the parent's OpenMP threads, which a forked child must not wait for
    with MultiprocessMap(1) as engine:
        assert engine(lambda n: (torch.get_num_threads(), float(torch.ones(n, n).mul(2).sum())), [2000]) == [
            (1, 8e6)
        ]


class Awkward(Exception):
    def __init__(self, first: str, second: str) -> None:
        super().__init__(first)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda _: (_ for _ in ()).throw(Awkward("a", "b")), "Awkward: a"),
        (lambda _: (_ for _ in ()), "cannot pickle"),
        (lambda _: sys.exit("no"), "no"),
    ],
)
def test_what_does_not_pickle_is_told_in_words(function, message: str, pool: MultiprocessMap) -> None:
    with pytest.raises(BaseException, match=message):
        pool(function, [0])


def test_an_item_that_kills_every_worker_ends_the_call(pool: MultiprocessMap) -> None:
    with pytest.raises(NetsError, match="3 times"):
        pool(lambda _: os.kill(os.getpid(), signal.SIGKILL), [0])
    assert pool(square, [2]) == [4]


def test_or_the_others_go_on_without_it(pool: MultiprocessMap) -> None:
    def deadly(n: int) -> int:
        return n * n if n != 1 else os.kill(os.getpid(), signal.SIGKILL)

    told: list[int] = []
    assert pool(deadly, range(4), told.append, lambda n: -n) == [0, -1, 4, 9]
    assert sorted(told) == [-1, 0, 4, 9]


def test_exceptions_come_back_with_the_workers_traceback(pool: MultiprocessMap) -> None:
    with pytest.raises(ZeroDivisionError) as raised:
        pool(lambda x: 1 / x, [1, 0])
    assert "In a worker process" in raised.value.__notes__[0]
    assert pool(square, [2]) == [4]


@pytest.fixture
def heed_ctrl_c() -> Iterator[None]:
    """Whoever runs these tests in the background has told them to ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heed_ctrl_c")
def test_ctrl_c_that_an_item_makes_an_error_of_its_own_is_not_lost() -> None:
    def item(number: int) -> str:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        except KeyboardInterrupt:
            return "failed"
        return "not interrupted"

    before, told = signal.getsignal(signal.SIGINT), []
    with pytest.raises(KeyboardInterrupt):
        SerialMap()(item, [1, 2], told.append)
    assert (told, signal.getsignal(signal.SIGINT)) == ([], before)


def test_closing_ends_the_workers() -> None:
    engine = MultiprocessMap(2)
    pids = set(engine(lambda _: os.getpid(), range(4)))
    engine.close()
    assert not any(alive(pid) for pid in pids)


SCRIPT = """
import os, sys, time
from pathlib import Path
from nets_deap.parallel.processes import MultiprocessMap
def work(i):
    Path(f"pid-{os.getpid()}").touch()
    time.sleep(600)
MultiprocessMap(2)(work, range(2))
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_no_worker_outlives_a_parent_that_is_killed(how: signal.Signals) -> None:
    parent = subprocess.Popen([sys.executable, "-c", SCRIPT])
    assert wait_until(lambda: len(list(Path().glob("pid-*"))) == 2, 30)
    pids = [int(p.name.removeprefix("pid-")) for p in Path().glob("pid-*")]
    parent.send_signal(how)
    parent.wait()
    assert wait_until(lambda: not any(alive(pid) for pid in pids))


def test_one_core_means_serial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "available_cores", lambda: 1)
    assert isinstance(make_map("multiprocess", None, "cpu"), SerialMap)
    assert isinstance(make_map("multiprocess", 2, "cpu"), MultiprocessMap)
