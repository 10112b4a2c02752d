"""Whole runs on a Dask cluster equal those of the serial map, to the last digit."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.conftest import Ran
from tests.parallel.dask_fixture import cluster

pytest.importorskip("distributed")
SMALL = ("--dataset", "xor-corners", "--model", "mlp-10", "--epochs", "2")
EVOLVE = ("evolve", *SMALL, "--pop", "5", "--gens", "3")
COMPARE = (
    *("compare", *SMALL, "--methods", "imp:cycles=2,nets:pop=2,gens=2,random,imp:cycles=2+random"),
    *("--density", "0.5", "--seeds", "2"),
)
OTHERS = {
    "verify": (("verify", "start", "--seeds", "2", "--epochs", "2"), "verify.csv"),
    "weedout": (("weedout", *SMALL, "--pop", "4", "--gens", "2", "--steps", "5"), "logbook.csv"),
    "train": (("train", "start", "--random", "2", "--epochs", "3"), "random.csv"),
}
TIMES = ("elapsed_s", "seconds")


@pytest.fixture
def run(cli: Callable[..., Ran]) -> Callable[..., None]:
    def ran(*words: str) -> None:
        told = cli(*words, "-q")
        assert told.code == 0, told

    return ran


def rows(path: str) -> pd.DataFrame:
    table = pd.read_csv(path)
    return table.drop(columns=[name for name in table if name in TIMES])


@contextmanager
def killed(found: Any, every: float) -> Iterator[list[int]]:
    """Kill one worker or another every so many seconds, twice at most: no item is to be given up."""
    done, over = [], threading.Event()

    def kill() -> None:
        while len(done) < 2 and not over.wait(every):
            pids = [worker.process.pid for worker in found.workers.values() if worker.process]
            if pids:
                os.kill(pids[len(done) % len(pids)], signal.SIGKILL)
                done.append(pids[0])

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield done
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("name", OTHERS)
def test_whatever_maps_is_the_same(name: str, joined: Any, run: Callable[..., None]) -> None:
    words, file = OTHERS[name]
    run("random", *SMALL, "--density", "0.5", "--out", "start")
    run(*words, "--map", "serial", "--out", "one")
    run(*words, "--map", "dask", "--scheduler", joined.scheduler_address, "--out", "two")
    pd.testing.assert_frame_equal(rows(f"one/{file}"), rows(f"two/{file}"), check_exact=True)


def test_a_comparison_elsewhere_brings_its_files_back(joined: Any, run: Callable[..., None]) -> None:
    run(*COMPARE, "--map", "serial", "--out", "one")
    run(*COMPARE, "--map", "dask", "--scheduler", joined.scheduler_address, "--out", "two")
    names = {str(path.relative_to("one")) for path in Path("one").rglob("*") if path.is_file()}
    assert names == {str(path.relative_to("two")) for path in Path("two").rglob("*") if path.is_file()}
    for name in names:
        if name.endswith((".safetensors", "trials.csv", "summary.csv")):
            assert Path("one", name).read_bytes() == Path("two", name).read_bytes(), name


def test_a_run_whose_workers_are_killed_is_the_same(run: Callable[..., None]) -> None:
    run(*EVOLVE, "--map", "serial", "--out", "one")
    with cluster(2) as found, killed(found, 3.0) as done:
        while not done:  # a run is short
            run(*EVOLVE, "--map", "dask", "--scheduler", found.scheduler_address, "--out", "two", "--fresh")
            pd.testing.assert_frame_equal(rows("one/logbook.csv"), rows("two/logbook.csv"), check_exact=True)
            assert Path("one/ticket.safetensors").read_bytes() == Path("two/ticket.safetensors").read_bytes()


def test_the_address_is_no_setting_of_a_run(joined: Any, run: Callable[..., None]) -> None:
    run(*EVOLVE, "--map", "dask", "--scheduler", joined.scheduler_address, "--out", "run")
    assert joined.scheduler_address not in Path("run/config.json").read_text(encoding="utf-8")


def test_it_says_where_to_watch_and_nothing_else(joined: Any, cli: Callable[..., Ran]) -> None:
    told = cli(*EVOLVE, "--map", "dask", "--scheduler", joined.scheduler_address, "--out", "run")
    lines = [line for line in told.err.splitlines() if not line.startswith("generation")]
    assert [line.split(" at ")[0] for line in lines] == ["Dask"]
    assert joined.scheduler_address in lines[0]
    assert "dashboard http" in lines[0]
