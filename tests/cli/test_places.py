"""Other places: consoles, locales, names that are no UTF-8, no home, a notebook's environment, limits."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nets_deap_cli.commands import COMMANDS
from nets_deap_cli.main import _heed_limits
from safetensors import safe_open

from nets_deap.config import run_folder
from nets_deap.config.layers import configure
from nets_deap.data import cache
from nets_deap.evolution.settings import EvolveConfig
from tests.conftest import MNIST_DIR, needs_mnist

MAIN = [sys.executable, "-m", "nets_deap_cli.main"]
TINY = ["evolve", "--dataset", "xor-corners", "--pop", "4", "--gens", "1", "--epochs", "2"]
TINY += ["--map", "serial", "--out", "run"]


def run(*words: str, limits: Callable[[], None] | None = None, **environment: str) -> Any:
    """`nets-deap` in a process of its own."""
    return subprocess.run(
        [*MAIN, *words],
        capture_output=True,
        check=False,
        preexec_fn=limits,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_console_that_lacks_characters_shows_the_rest(encoding: str) -> None:
    code = (
        "import io, sys\n"
        "from nets_deap_cli.commands import COMMANDS\n"
        "from nets_deap_cli.main import main\n"
        "from nets_deap_cli import table\n"
        f"sys.stdout = io.TextIOWrapper(io.BytesIO(), encoding={encoding!r})\n"
        "for words in [['--help'], *([name, '--help-all'] for name in COMMANDS)]:\n"
        "    sys.argv = ['nets-deap', *words]\n"
        "    try: main()\n"
        "    except SystemExit as error: assert not error.code\n"
        "table.show(['\\u03b8\\u2080', 'x'], [['\\xb1', '\\u2192 1']])\n"
        "sys.stdout.flush()\n"
        "sys.stderr.buffer.write(sys.stdout.buffer.getvalue())\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert ran.stderr.count(b"Usage: ") == len(COMMANDS) + 1


def test_settings_are_the_same_in_every_locale() -> None:
    """After a resume in another locale a name is still what it was."""
    run_folder.write_config(Path(), configure(EvolveConfig, dataset="folder:kühe"))
    before = Path("config.json").read_bytes()
    assert "folder:kühe".encode() in before
    code = (
        "from pathlib import Path\nfrom nets_deap.config import layers, run_folder\n"
        "from nets_deap.evolution.settings import EvolveConfig\n"
        "config = layers.validate(EvolveConfig, run_folder.read_config(Path()))\n"
        "again = layers.configure(EvolveConfig, config='config.json')\n"
        "assert config == again and config.dataset == 'folder:k\\u00fche'\n"
        "run_folder.write_config(Path(), config)\n"
    )
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert Path("config.json").read_bytes() == before


def test_a_name_that_is_no_utf_8_is_read_or_refused(cli: Callable[..., Any]) -> None:
    assert cli(*TINY).code == 0
    odd = os.fsdecode(b"odd\xff")
    Path(odd).mkdir()
    shutil.copy("run/ticket.safetensors", odd)
    assert run("export", f"{odd}/ticket.safetensors").returncode == 0
    for name in ("weights", "masks"):
        with safe_open(f"{odd}/export/{name}.safetensors", framework="numpy") as file:
            assert file.keys()
    assert run("train", odd, "--epochs", "2").returncode == 0
    made = run(*TINY[:-1], f"{odd}/run")
    is_text = sys.getfilesystemencoding() != "utf-8"  # elsewhere any bytes are a name
    assert (made.returncode, made.stderr.count(b"\n")) == ((0, 0) if is_text else (2, 1))


def test_an_empty_or_relative_cache_folder_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for given in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", given)
        monkeypatch.setenv("HOME", "/home/me")
        assert cache._users() == [Path("/home/me/.cache/nets-deap")]


@needs_mnist
def test_without_a_home_data_are_found(monkeypatch: pytest.MonkeyPatch, cli: Callable[..., Any]) -> None:
    def none() -> Path:
        raise RuntimeError("Could not determine home directory.")

    Path("data/MNIST/raw").mkdir(parents=True)
    for path in (MNIST_DIR / "MNIST" / "raw").glob("*-ubyte"):
        Path("data/MNIST/raw", path.name).symlink_to(path)
    Path("data/MNIST/raw").chmod(0o555)
    monkeypatch.setattr(Path, "home", none)
    monkeypatch.delenv("XDG_CACHE_HOME")
    small = ("--dataset", "mnist", "--data-dir", "data", "--data-limit", 100)
    assert cli("random", *small, "--out", "r").code == 0


def test_a_notebooks_backend_draws_figures_all_the_same(cli: Callable[..., Any]) -> None:
    assert cli(*TINY).code == 0
    backend = "module://a_notebook_that_is_not_here"
    assert run("plot", "run", MPLBACKEND=backend).returncode == 0
    code = (
        "from pathlib import Path\nfrom nets_deap.figures.folder import draw\nimport os\n"
        "draw(Path('run'), Path('figures'))\n"
        f"assert os.environ['MPLBACKEND'] == {backend!r}\n"
    )
    environment = {**os.environ, "MPLBACKEND": backend}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert len(list(Path("figures").iterdir())) == 4


@pytest.mark.parametrize("size", [1 << 28, 1 << 29, 3 << 29])
def test_too_little_memory_for_the_libraries_is_one_line(size: int) -> None:
    ran = run(*TINY, limits=lambda: resource.setrlimit(resource.RLIMIT_AS, (size, size)))
    assert ran.returncode == 2
    assert b"Traceback" not in ran.stderr
    assert ran.stderr.startswith(b"Error: ")
    assert ran.stderr.count(b"\n") == 1


@pytest.mark.parametrize(("processes", "threads"), [(63_000, None), (200, "1")])
def test_only_small_limits_on_processes_keep_libraries_to_one_thread(
    processes: int, threads: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", {})
    limits = {resource.RLIMIT_NPROC: processes, resource.RLIMIT_AS: resource.RLIM_INFINITY}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (limits[kind], limits[kind]))
    _heed_limits()
    assert os.environ.get("OMP_NUM_THREADS") == threads
