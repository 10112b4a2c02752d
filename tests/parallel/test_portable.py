"""What only some systems have is used where it is there, and not needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

LESS = """
import os, signal, sys
for module in ("fcntl", "resource", "pwd", "grp"):
    sys.modules[module] = None  # as where there is none
for place, names in {
    os: ("fork", "setpgid", "killpg", "waitid", "sched_getaffinity", "O_NOFOLLOW"),
    signal: ("pthread_sigmask",),
}.items():
    for name in names:
        if hasattr(place, name):
            delattr(place, name)
"""
IMPORTS = """
import importlib, pkgutil, nets_deap
for module in pkgutil.walk_packages(nets_deap.__path__, "nets_deap."):
    if not module.name.endswith("_mlp"):
        importlib.import_module(module.name)
"""
EVOLVE = "evolve --dataset xor-corners --epochs 2 --pop 3 --gens 1 --arch mlp-10 --workers 1 --out run"


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Python without those names; the workers it starts lack them too."""
    Path("less").mkdir(exist_ok=True)
    Path("less/sitecustomize.py").write_text(LESS, encoding="utf-8")
    path = os.pathsep.join([str(Path("less").absolute()), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, *words],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_module_imports_without_what_only_linux_has() -> None:
    ran = run("-c", IMPORTS)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_an_evolution_runs_without_it_in_spawned_workers() -> None:
    ran = run("-m", "nets_deap_cli.main", *EVOLVE.split())
    assert (ran.returncode, ran.stderr) == (0, "")
    again = run("-m", "nets_deap_cli.main", *EVOLVE.split(), "--resume", "--gens", "2")
    assert (again.returncode, again.stderr) == (0, "note: the run in run goes on after generation 1\n")
    assert not list(Path("run").glob("*nets-deap-tmp"))
