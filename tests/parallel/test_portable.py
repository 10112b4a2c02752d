"""What only some systems have is used where it is there, and not needed: no results depend on it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from nets_deap.util import files
from nets_deap.util.errors import NetsError
from tests.parallel.test_maps import alive, wait_until

LESS = """
import os, signal, sys
for module in ("fcntl", "resource", "pwd", "grp", "termios", "readline", "syslog"):
    sys.modules[module] = None  # as where there is none
for place, names in {
    os: ("fork", "forkpty", "getppid", "getuid", "setpgid", "killpg", "waitid", "sysconf",
         "sched_getaffinity", "O_NOFOLLOW", "O_NONBLOCK", "mkfifo", "getloadavg", "statvfs"),
    signal: ("pthread_sigmask", "pthread_kill", "SIGHUP", "SIGUSR1", "SIGALRM", "setitimer"),
}.items():
    for name in names:
        if hasattr(place, name):
            delattr(place, name)
"""
IMPORTS = """
import importlib, pkgutil, nets_deap, nets_deap_cli
for package in (nets_deap, nets_deap_cli):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith(("kernels._compiled", "parallel.dask_worker")):  # Dask: as it comes
            importlib.import_module(module.name)
"""
RUN = """
import sys
from nets_deap_cli.main import main
for line in sys.stdin.read().splitlines():
    sys.argv = ["nets-deap", *line.split("|")]
    try:
        main()
    except SystemExit as ended:
        assert not ended.code, line
    print("= = =")
"""
PLACE = "a bläck run"
SMALL = "--dataset|xor-corners|--arch|mlp-10|--epochs|2"
COMMANDS = (
    f"evolve|{SMALL}|--pop|3|--gens|1|--workers|1|--out|{PLACE}",
    f"train|{PLACE}|--epochs|3|--random|1|--out|trained",
    f"compare|{SMALL}|--methods|random,snip|--density|0.5|--seeds|2|--out|compared",
    f"info|{PLACE}",
)


def started(*words: str) -> subprocess.Popen[str]:
    """Python without those names, on a console of code page 1252; the workers it starts lack them too."""
    Path("less").mkdir(exist_ok=True)
    Path("less/sitecustomize.py").write_text(LESS, encoding="utf-8")
    path = os.pathsep.join([str(Path("less").absolute()), os.environ.get("PYTHONPATH", "")])
    given_by_windows = {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0", "PYTHONPATH": path}
    return subprocess.Popen(
        [sys.executable, *words],
        env={**os.environ, **given_by_windows},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="cp1252",
    )


def run(*words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    with started(*words) as process:
        out, err = process.communicate(given)
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def test_every_module_imports_without_what_only_linux_has() -> None:
    ran = run("-c", IMPORTS)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_commands_give_the_same_without_it_in_spawned_workers(cli) -> None:
    ran = run("-c", RUN, given="\n".join(COMMANDS))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "±" in ran.stdout
    assert "\\" not in ran.stdout
    assert not list(Path(PLACE).glob("*nets-deap-tmp"))
    Path("as usual").mkdir()
    os.chdir("as usual")
    for words in COMMANDS:
        shown = cli(*words.split("|"))
        assert shown.code == 0
    told = [text.splitlines() for text in (shown.out.replace("─", "-"), ran.stdout.split("= = =")[-2])]
    without = [[line for line in lines if line and "seconds" not in line] for lines in told]
    assert without[0] == without[1]
    for name in (f"{PLACE}/ticket.safetensors", "compared/trials.csv"):
        assert Path("..", name).read_bytes() == Path(name).read_bytes(), name
    trained = [pd.read_csv(f"{place}/trained/training.csv") for place in ("..", ".")]
    pd.testing.assert_frame_equal(*(told.drop(columns="elapsed_s") for told in trained))


def test_a_script_without_a_guard_is_told_where_workers_are_new_interpreters() -> None:
    Path("script.py").write_text(
        "from nets_deap.parallel import MultiprocessMap\n"
        "with MultiprocessMap(1, start='spawn') as engine:\n    print(engine(abs, [-1]))\n",
        encoding="utf-8",
    )
    ran = run("script.py")
    assert ran.returncode == 1
    assert "below `if __name__ == '__main__':`" in ran.stderr.splitlines()[-1]


ORPHAN = """
import os, threading, time
from nets_deap.parallel import MultiprocessMap

def stays(item):
    open("worker", "w").write(str(os.getpid()))
    os.rename("worker", "pid")
    time.sleep(600)

if __name__ == "__main__":  # Linux itself ends a worker that the main thread has started
    threading.Thread(target=MultiprocessMap(1, start="spawn"), args=(stays, [1])).start()
"""


def test_a_worker_ends_with_its_parent_where_the_parents_number_says_nothing() -> None:
    Path("orphan.py").write_text(ORPHAN, encoding="utf-8")
    with started("orphan.py") as parent:
        assert wait_until(Path("pid").exists, 60)
        worker = int(Path("pid").read_text(encoding="utf-8"))
        assert alive(worker)
        parent.kill()
    assert wait_until(lambda: not alive(worker))


class InUseError(PermissionError):
    """As Windows says it."""

    winerror = 32


def test_a_file_that_another_process_reads_is_replaced_when_that_has_ended(monkeypatch) -> None:
    refusals = [InUseError(), InUseError()]
    replace = Path.replace

    def busy(self: Path, target: Path) -> Path:
        if refusals:
            raise refusals.pop()
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", busy)
    files.write_text(Path("file"), "content")
    assert Path("file").read_text(encoding="utf-8") == "content"
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    refusals.extend(InUseError() for _ in range(50))
    with pytest.raises(NetsError, match="cannot write other"):
        files.write_text(Path("other"), "content")
    assert [path.name for path in Path().iterdir()] == ["file"]
    refusals[:] = [PermissionError(13, "Permission denied")]  # of another kind: at once
    with pytest.raises(NetsError, match="Permission denied"):
        files.write_text(Path("other"), "content")
    assert not refusals
