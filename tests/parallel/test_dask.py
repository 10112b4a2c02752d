"""The map over the workers of a Dask cluster, joined and of our own."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nets_deap import Data, Problem
from nets_deap.parallel import DaskMap, MultiprocessMap, SerialMap, make_map
from nets_deap.util import agreed, inside
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


@pytest.fixture(scope="module")
def joined() -> Iterator[Any]:
    with cluster() as found:
        yield found


@pytest.fixture
def engine(joined: Any) -> Iterator[DaskMap]:
    with DaskMap(scheduler=joined.scheduler_address) as found:
        yield found


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


def test_data_that_differ_are_refused_by_name(engine: DaskMap, monkeypatch: pytest.MonkeyPatch) -> None:
    call = ("nets_deap.data.loading", "load", ("xor", "data", False, None, 0.1, 0))
    monkeypatch.setattr(agreed, "known", lambda: {call: "another"})
    with pytest.raises(NetsError, match="the data set xor differs from process to process"):
        engine(square, [1])


def test_a_worker_with_several_threads_is_refused_by_name() -> None:
    with (
        cluster(1, threads_per_worker=2) as found,
        DaskMap(scheduler=found.scheduler_address) as engine,
        pytest.raises(NetsError, match=r"the worker tcp://.* has 2 threads: start it with one"),
    ):
        engine(square, [1])


def test_a_worker_of_another_version_is_refused_by_name(
    engine: DaskMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nets_deap.parallel.cluster.__version__", "9.9")
    with pytest.raises(NetsError, match=r"the worker tcp://.* has nets-deap .*, and the run 9.9"):
        engine(square, [1])


def test_a_package_on_the_path_that_is_not_installed_will_do(
    engine: DaskMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    import distributed

    def versions(
        client: Any, packages: list[str], ask: Any = distributed.Client.get_versions, **more: Any
    ) -> Any:
        found = ask(client, packages=packages, **more)
        for told in (found["scheduler"], *found["workers"].values()):
            told["packages"]["nets_deap"] = None
        return found

    monkeypatch.setattr(distributed.Client, "get_versions", versions)
    assert engine(square, [3]) == [9]
    monkeypatch.setattr("nets_deap.parallel.cluster.__version__", "9.9")
    with pytest.raises(NetsError, match=r"the worker tcp://.* has nets-deap \d.*, and the run 9.9"):
        engine.cluster.check_workers()


def test_one_that_comes_later_too(engine: DaskMap, monkeypatch: pytest.MonkeyPatch) -> None:
    engine(square, [1])
    monkeypatch.setattr("nets_deap.parallel.dask_map.__version__", "9.9")
    with pytest.raises(NetsError, match=r"the worker tcp://.* has nets-deap .*, and the run 9.9"):
        engine(square, [1])


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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scheduler": "tcp://127.0.0.1:1"}, "no scheduler answers at `scheduler` tcp://127.0.0.1:1"),
        ({"scheduler": "nowhere.json"}, "expected tcp://host:port"),
        ({"scheduler": __file__}, "or the scheduler file of a running cluster"),
        ({"scheduler": "tcp://127.0.0.1:1", "workers": 2}, "leave `workers` out"),
        ({"workers": 0}, "`workers` 0: expected 1 or more"),
    ],
)
def test_what_cannot_be_is_one_line(
    options: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nets_deap.parallel.joining.PATIENCE", "1s")
    with pytest.raises(NetsError, match=message):
        DaskMap(**options)(square, [1])


def test_a_scheduler_goes_with_dask_alone() -> None:
    for name in ("serial", "multiprocess"):
        with pytest.raises(NetsError, match="add `map` dask"):
            make_map(name, None, scheduler="tcp://127.0.0.1:1")


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


def certificates(name: str) -> dict[str, str]:
    """Of an authority of its own, and of a node."""
    new = ("openssl", "req", "-newkey", "rsa:2048", "-nodes")
    for words in (
        (*new, "-x509", "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}"),
        (*new, "-keyout", f"{name}-node.key", "-out", f"{name}-node.csr", "-subj", "/CN=node"),
        ("openssl", "x509", "-req", "-in", f"{name}-node.csr", "-CA", f"{name}.pem", "-CAkey", f"{name}.key",
         "-CAcreateserial", "-out", f"{name}-node.pem"),
    ):  # fmt: skip
        subprocess.run(words, check=True, capture_output=True)
    told = {"tls_ca_file": f"{name}.pem"}
    for part in ("client", "worker", "scheduler"):
        told |= {f"tls_{part}_cert": f"{name}-node.pem", f"tls_{part}_key": f"{name}-node.key"}
    return {key: str(Path(value).absolute()) for key, value in told.items()}


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make certificates")
@pytest.mark.parametrize("ours", ["theirs", "others", "none"])
def test_tls_wants_the_certificates_of_the_cluster(ours: str) -> None:
    import dask
    from distributed import Security

    theirs, others = certificates("theirs"), certificates("others")
    mine = {"theirs": theirs, "others": others, "none": {}}[ours]
    words = {"tls_ca_file": "ca-file", "tls_client_cert": "client.cert", "tls_client_key": "client.key"}
    config = {f"distributed.comm.tls.{words[key]}": value for key, value in mine.items() if key in words}
    security = Security(require_encryption=True, **theirs)
    with (
        cluster(1, protocol="tls://", security=security) as found,
        dask.config.set(config),
        DaskMap(scheduler=found.scheduler_address) as engine,
    ):
        assert found.scheduler_address.startswith("tls://")
        if ours == "theirs":
            assert engine(square, [2]) == [4]
        else:
            with pytest.raises(NetsError, match="TLS is refused"):
                engine(square, [2])
