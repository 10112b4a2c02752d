"""What a user installs works: the built wheel and sdist, out of reach of the checkout."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from nets_deap.networks.kernels.library import INTERFACE

ROOT = Path(__file__).parents[1]
PACKAGED = ("nets_deap", "cli", "pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE")
IMPORT_ALL = """
import importlib, pkgutil, sys, nets_deap, nets_deap_cli
for package in (nets_deap, nets_deap_cli):
    assert package.__file__.startswith(sys.prefix), package.__file__
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if "kernels._compiled" not in module.name:
            importlib.import_module(module.name)
            print(module.name)
"""


def run(*words: object, cwd: Path, **environment: str) -> str:
    """The output of a command in a folder from which the checkout is not to be found."""
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "NETS_DATA_DIR")}
    done = subprocess.run(
        list(map(str, words)), cwd=cwd, env=kept | environment, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that is built from it."""
    place = tmp_path_factory.mktemp("built")
    source = place / "source"
    tracked = run("git", "ls-files", "--cached", "--others", "--exclude-standard", *PACKAGED, cwd=ROOT)
    for name in filter(None, tracked.splitlines()):
        if (ROOT / name).exists():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", place, source, cwd=place)
    return place


def only(folder: Path, pattern: str) -> Path:
    (path,) = folder.glob(pattern)
    return path


def installed(place: Path, package: Path, **environment: str) -> Path:
    """A fresh environment with only this package in it; what it depends on comes from the tests' own.

    Its `bin` folder is returned. A path in a .pth file is searched, but an editable install there, which is
    a .pth file itself, is not followed.
    """
    venv.create(place / "venv")
    path = {"base": str(place / "venv"), "platbase": str(place / "venv")}
    libraries = Path(sysconfig.get_path("purelib", "venv", vars=path))
    (libraries / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = place / "venv" / "bin" / "python"
    words = ("install", "--no-deps", "--no-index", "--no-build-isolation", "--quiet", package)
    run(sys.executable, "-m", "pip", "--python", python, *words, cwd=place, **environment)
    return python.parent


@pytest.fixture(scope="module")
def wheel_bin(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory.mktemp("wheel"), only(built, "*.whl"))


def modules_of_the_checkout() -> set[str]:
    names = {"nets_deap": "nets_deap", "cli": "nets_deap_cli"}
    found = set()
    for folder, package in names.items():
        for path in (ROOT / folder).rglob("*.py"):
            parts = [package, *path.relative_to(ROOT / folder).with_suffix("").parts]
            found.add(".".join(parts).removesuffix(".__init__"))
    return found - set(names.values())


def test_the_wheel_holds_every_module_the_kernels_and_no_tests(built: Path) -> None:
    names = zipfile.ZipFile(only(built, "*.whl")).namelist()
    modules = {name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in names}
    assert modules_of_the_checkout() <= modules
    assert [name for name in names if "_compiled." in name and name.endswith(".so")] == [
        "nets_deap/networks/kernels/_compiled.so"
    ]
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"nets_deap", "nets_deap_cli"}


def test_the_wheel_is_for_any_python_3_because_its_library_needs_none(built: Path, tmp_path: Path) -> None:
    wheel = only(built, "*.whl")
    python, abi, platform = wheel.stem.split("-")[-3:]
    assert (python, abi) == ("py3", "none")
    assert platform != "any"
    with zipfile.ZipFile(wheel) as opened:
        library = Path(opened.extract("nets_deap/networks/kernels/_compiled.so", tmp_path))
    assert b"PyInit" not in library.read_bytes()
    assert ctypes.CDLL(str(library)).interface() == INTERFACE


def test_wheel_and_sdist_hold_what_a_report_is_made_of(built: Path) -> None:
    assets = {path.name for path in (ROOT / "nets_deap" / "report" / "assets").iterdir()}
    with tarfile.open(only(built, "*.tar.gz")) as sdist:
        listed = [zipfile.ZipFile(only(built, "*.whl")).namelist(), sdist.getnames()]
    for names in listed:
        assert {Path(name).name for name in names if "report/assets/" in name} == assets


def test_the_sdist_holds_the_sources_of_the_kernels(built: Path) -> None:
    with tarfile.open(only(built, "*.tar.gz")) as sdist:
        names = {Path(name).name for name in sdist.getnames()}
    assert {path.name for path in (ROOT / "nets_deap").rglob("*.[ch]")} <= names


def test_every_module_of_the_installed_wheel_imports(wheel_bin: Path, tmp_path: Path) -> None:
    imported = run(wheel_bin / "python", "-c", IMPORT_ALL, cwd=tmp_path).split()
    assert modules_of_the_checkout() <= set(imported)


def test_the_installed_wheel_does_what_the_readme_begins_with(wheel_bin: Path, tmp_path: Path) -> None:
    command = wheel_bin / "nets-deap"
    assert "kernels: compiled" in run(command, "--version", "--verbose", cwd=tmp_path)
    run(command, "evolve", "--preset", "quick", "--out", "run", cwd=tmp_path)
    run(command, "train", "run", "--preset", "quick", cwd=tmp_path)
    assert "ticket" in run(command, "info", "run", cwd=tmp_path)
    run(command, "export", "run", cwd=tmp_path)
    assert (tmp_path / "run" / "export" / "weights.safetensors").exists()
    run(command, "report", "run", cwd=tmp_path)
    assert (tmp_path / "run" / "report.html").exists()
    run(wheel_bin / "python", ROOT / "examples" / "own_selection.py", cwd=tmp_path)
    assert (tmp_path / "ticket.safetensors").exists()


@pytest.mark.slow
def test_without_a_compiler_the_sdist_installs_and_torch_trains(built: Path, tmp_path: Path) -> None:
    binaries = installed(tmp_path, only(built, "*.tar.gz"), CC="false")
    told = run(binaries / "nets-deap", "--version", "--verbose", cwd=tmp_path)
    assert "kernels: none" in told
    run(binaries / "nets-deap", "evolve", "--preset", "quick", "--gens", "1", "--out", "run", cwd=tmp_path)
    assert (tmp_path / "run" / "ticket.safetensors").exists()
