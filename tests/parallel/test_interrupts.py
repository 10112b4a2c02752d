"""No interrupt of a map or a command is lost, whenever it comes, and no map needs the main thread."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nets_deap.parallel.processes import MultiprocessMap
from nets_deap.parallel.serial import SerialMap
from nets_deap.util import interrupts
from tests.attack.signals import Shot, fire, make_ticket

ENGINES: dict[str, Callable[[], Any]] = {
    "serial": SerialMap,
    "fork": lambda: MultiprocessMap(2, "fork"),
    "spawn": lambda: MultiprocessMap(1, "spawn"),
}


@pytest.mark.parametrize("name", ENGINES)
def test_maps_work_in_any_thread(name: str) -> None:
    told: list[Any] = []

    def work() -> None:
        with ENGINES[name]() as engine:
            told.append(engine(lambda x: x * x, [1, 2, 3]))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert told == [[1, 4, 9]]


@pytest.mark.usefixtures("heed_ctrl_c")
@pytest.mark.parametrize("name", ENGINES)
def test_ctrl_c_that_an_item_has_swallowed_is_raised_after_it(name: str) -> None:
    def item(number: int) -> str:
        try:
            os.kill(parent, signal.SIGINT)
            time.sleep(0.2)
        except KeyboardInterrupt:
            return "failed"
        return "not interrupted"

    parent, told = os.getpid(), []
    with ENGINES[name]() as engine, pytest.raises(KeyboardInterrupt):
        engine(item, [1], told.append)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("heed_ctrl_c")
def test_an_interrupt_is_over_with_the_guard_in_which_it_came() -> None:
    with pytest.raises(KeyboardInterrupt), interrupts.guarded():
        os.kill(os.getpid(), signal.SIGINT)
    told: list[Any] = []
    thread = threading.Thread(target=lambda: told.extend(SerialMap()(str, [1, 2])))
    thread.start()
    thread.join()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in a shell's background; the fixture takes it back
    told += SerialMap()(str, [3])
    assert told == ["1", "2", "3"]


STARTING = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from nets_deap.parallel import processes, worker
plain = worker.Worker.__init__
def start(self, context):  # Ctrl-C from the terminal, in the middle of starting a worker
    os.kill(os.getpid(), signal.SIGINT)
    plain(self, context)
    os.kill(os.getpid(), signal.SIGINT)
worker.Worker.__init__ = start
try:
    processes.MultiprocessMap(2, sys.argv[1])(print, ["computed"])
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_ctrl_c_while_workers_start_is_not_lost(start: str) -> None:
    Path("starting.py").write_text(f"if __name__ == '__main__':\n    exec({STARTING!r})\n", encoding="utf-8")
    ran = subprocess.run([sys.executable, "starting.py", start], capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("interrupted\n", "")


ENDING = """
import atexit, os, sys, time
number, when = int(sys.argv.pop()), sys.argv.pop()
class Late:
    def __del__(self, kill=os.kill, process=os.getpid(), number=number):
        kill(process, number)  # Python ends, and has taken its own handlers back
from nets_deap_cli import main
if when == "late":
    late = Late()
else:  # as modules do that a command imports
    main._heed_limits = lambda: atexit.register(lambda: (os.kill(os.getpid(), number), time.sleep(60)))
main.main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("when", ["early", "late"])
def test_a_signal_while_python_ends_does_not_change_the_exit_code(number: int, when: str) -> None:
    for word, code in {"--version": 0, "--wrong": 2}.items():
        arguments = [sys.executable, "-c", ENDING, word, when, str(int(number))]
        ran = subprocess.run(arguments, capture_output=True, text=True, timeout=30, check=False)
        assert (ran.returncode, "Traceback" in ran.stderr) == (code, False)
        assert ran.stdout or ran.stderr


@pytest.fixture(scope="module")
def ticket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_ticket(tmp_path_factory.mktemp("ticket"))


@pytest.mark.parametrize(
    "shot",
    [
        Shot("evolve by multiprocess", signal.SIGTERM, 2.5, times=2, to_all=True),
        pytest.param(
            Shot("train by multiprocess", signal.SIGINT, 0.35), marks=pytest.mark.slow
        ),  # during imports
    ],
)
def test_a_command_survives_a_signal(shot: Shot, ticket: Path) -> None:
    assert fire(shot, ticket) == []
