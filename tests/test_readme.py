"""The README's promises: its code runs, its tables match the registries."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from nets_deap.data.sources import DATASETS
from nets_deap.individuals import operators
from nets_deap.search.controls import CONTROLS
from nets_deap.search.registry import METHODS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def block(after: str) -> str:
    """The python block that follows a marker."""
    found = re.search(re.escape(after) + r"\n```python\n(.*?)```", README, re.DOTALL)
    assert found, after
    return found.group(1)


def test_the_library_example_is_the_one_in_examples() -> None:
    assert block("<!-- examples/own_selection.py -->") == (ROOT / "examples/own_selection.py").read_text()


def test_the_library_example_runs() -> None:
    subprocess.run([sys.executable, ROOT / "examples/own_selection.py"], check=True, capture_output=True)
    assert Path("ticket.safetensors").exists()


def test_the_pytorch_example_runs(cli) -> None:
    cli("evolve", "--out", "runs/demo", "--gens", "0", "--pop", "2", "--epochs", "1", "--map", "serial")
    cli("export", "runs/demo")
    names: dict[str, object] = {}
    exec(block("<!-- export -->"), names)
    active = sum(int(mask.sum()) for _, mask in names["net"].named_buffers())  # type: ignore[attr-defined]
    assert f'"active": {active},' in cli("info", "runs/demo", "--json").out


@pytest.mark.parametrize("name", [n for n in dir(operators) if n.startswith(("cx", "mut"))])
def test_every_operator_is_mentioned(name: str) -> None:
    assert f"`{name}`" in README


@pytest.mark.parametrize("name", [*METHODS, *(f"imp+{name}" for name in CONTROLS)])
def test_every_search_method_and_control_is_mentioned(name: str) -> None:
    assert f"`{name}`" in README


@pytest.mark.parametrize("name", DATASETS)
def test_every_data_set_is_mentioned(name: str) -> None:
    assert f"`{name}`" in README


def test_every_file_of_a_run_is_mentioned(cli) -> None:
    cli(
        "evolve",
        "--dataset",
        "xor-corners",
        "--epochs",
        "3",
        "--gens",
        "1",
        "--select",
        "nsga2",
        "--out",
        "run",
    )
    for path in Path("run").iterdir():
        assert f"`{path.name}{'/' if path.is_dir() else ''}`" in README
