"""Functions that do their worst: no map hangs, and none goes on twice."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import multiprocess
import pytest

from nets_deap.parallel.processes import MultiprocessMap, default_start
from nets_deap.parallel.serial import SerialMap
from nets_deap.util.errors import NetsError
from tests.parallel.test_maps import alive, wait_until

LIBRARIES = {"multiprocess": multiprocess, "multiprocessing": multiprocessing}
FORKS = "fork" if sys.platform == "linux" else "spawn"


@pytest.fixture
def nothing_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if nobody had asked either library for a way to start: who runs the suite may have."""
    for library in LIBRARIES.values():
        monkeypatch.setattr(library, "get_start_method", lambda allow_none: None)


def stops(_: int) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def leaves_a_child_and_dies(_: int) -> None:
    if os.fork() == 0:
        time.sleep(600)
    os.kill(os.getpid(), signal.SIGKILL)


def closes_everything(_: int) -> int:
    os.closerange(3, 500)
    return 1


DEADLY: list[Any] = [
    pytest.param(stops, marks=pytest.mark.slow),
    leaves_a_child_and_dies,
    closes_everything,
    lambda _: os._exit(0),
]


@pytest.mark.parametrize("function", DEADLY)
def test_a_function_that_ends_or_stops_its_worker_is_given_up(function: Callable[[int], Any]) -> None:
    with MultiprocessMap(1) as engine:
        assert engine(function, [0], lost=lambda _: "lost") == ["lost"]
        with pytest.raises(NetsError, match="3 times"):
            engine(function, [0])
        assert engine(lambda x: x + 1, [1]) == [2]


@pytest.mark.parametrize("start", [None, "spawn"])
def test_an_item_that_takes_longer_than_the_timeout_is_given_up_at_once(start: str | None) -> None:
    """The time of a new process to start and to import does not count."""

    def slow(seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    with MultiprocessMap(2, start, timeout=0.5) as engine:
        began = time.monotonic()
        assert engine(slow, [0.0, 600.0, 0.1], lost=lambda _: -1.0) == [0.0, -1.0, 0.1]
        with pytest.raises(NetsError, match=r"longer than `eval_timeout` 0.5 s"):
            engine(slow, [600.0])
        assert time.monotonic() - began < 120


def forks(mark: int) -> int:
    with Path("calls").open("a", encoding="utf-8") as file:
        file.write(f"{mark}\n")
    os.fork()
    return mark


@pytest.mark.parametrize("engine", [SerialMap(), MultiprocessMap(1)])
def test_a_process_that_the_function_forks_does_not_go_on_with_the_work(engine: Any) -> None:
    with engine:
        assert engine(forks, [1, 2]) == [1, 2]
    assert Path("calls").read_text(encoding="utf-8") == "1\n2\n"


def test_children_of_an_evaluation_end_with_the_workers() -> None:
    def leaves_a_child(_: int) -> int:
        if pid := os.fork():
            return pid
        time.sleep(600)
        return 0

    with MultiprocessMap(1) as engine:
        (child,) = engine(leaves_a_child, [0])
        assert alive(child)
    assert wait_until(lambda: not alive(child))


HOLDING = """
import ctypes, os
from pathlib import Path
from nets_deap.parallel.processes import MultiprocessMap, default_start
def work(i):
    Path(f"pid-{os.getpid()}").touch()
    ctypes.PyDLL(None).sleep(600)  # holds the interpreter: no other thread of the worker runs
MultiprocessMap(2).__call__(work, range(2))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is needed, and this is not Linux")
def test_a_worker_whose_code_holds_the_interpreter_ends_with_its_parent() -> None:
    parent = subprocess.Popen([sys.executable, "-c", HOLDING])
    assert wait_until(lambda: len(list(Path().glob("pid-*"))) == 2, 60)
    pids = [int(path.name.removeprefix("pid-")) for path in Path().glob("pid-*")]
    parent.kill()
    parent.wait()
    assert wait_until(lambda: not any(alive(pid) for pid in pids))


SCRIPT = """
import threading
import numpy as np
from nets_deap import MultiprocessMap
LOCK, SCALE = threading.Lock(), {"by": 2.0}
def helper(x): return SCALE["by"] * x
class Point:
    def __init__(self, x): self.x = x
    def root(self): return float(np.sqrt(self.x))
def function(point):
    with LOCK: return helper(point.root())
if __name__ == "__main__":
    with MultiprocessMap(1, start="START") as engine:
        print(engine(function, [Point(4.0)]))
"""


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_a_scripts_functions_and_classes_keep_their_globals(start: str) -> None:
    Path("script.py").write_text(SCRIPT.replace("START", start), encoding="utf-8")
    ran = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, check=True)
    assert ran.stdout == "[4.0]\n"


def test_a_function_that_a_worker_cannot_load_is_one_line(tmp_path: Path) -> None:
    module = tmp_path / "only_here.py"
    module.write_text("def f(x): return x\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(tmp_path)  # which forgets what Python remembers of folders
        from only_here import f  # type: ignore[import-not-found]
    module.unlink()
    with MultiprocessMap(1, start="spawn") as engine, pytest.raises(NetsError, match="cannot load") as told:
        engine(f, [1])
    assert "\n" not in str(told.value)


@pytest.mark.usefixtures("nothing_asked")
@pytest.mark.parametrize("name", LIBRARIES)
def test_who_has_asked_for_another_start_gets_no_fork(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for asked, start in {"spawn": "spawn", "forkserver": "spawn", "fork": FORKS, None: FORKS}.items():
        monkeypatch.setattr(LIBRARIES[name], "get_start_method", lambda allow_none, asked=asked: asked)
        assert default_start() == start


@pytest.mark.usefixtures("nothing_asked")
def test_beside_other_threads_workers_do_not_fork() -> None:
    assert default_start() == FORKS
    told, leave = [], threading.Event()
    thread = threading.Thread(target=lambda: (told.append(default_start()), leave.wait()))
    thread.start()
    try:
        assert default_start() == "spawn"  # a fork would copy a lock that the other thread may hold
    finally:
        leave.set()
        thread.join()
    assert told == ["spawn"]
