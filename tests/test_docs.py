"""What README and docs promise: their code runs, their links lead somewhere, every name is in them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from nets_deap_cli.commands import COMMANDS

from nets_deap.data.sources import DATASETS
from nets_deap.evolution.mutations import MUTATIONS, TRACES
from nets_deap.evolution.selection_operators import SELECTIONS
from nets_deap.individuals import operators
from nets_deap.models import MODELS
from nets_deap.search.controls import CONTROLS
from nets_deap.search.registry import METHODS

ROOT = Path(__file__).parents[1]
PAGES = {
    path.name: path.read_text(encoding="utf-8")
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
}
ALL = "\n".join(PAGES.values())


def block(page: str, marker: str) -> str:
    """The python block that follows a marker."""
    found = re.search(re.escape(f"<!-- {marker} -->") + r"\n```python\n(.*?)```", PAGES[page], re.DOTALL)
    assert found, marker
    return found.group(1)


def test_the_readme_is_short() -> None:
    assert len(PAGES["README.md"].splitlines()) <= 150


def test_the_library_example_is_the_one_in_examples() -> None:
    example = (ROOT / "examples" / "own_selection.py").read_text(encoding="utf-8")
    assert block("deap.md", "examples/own_selection.py") == example


@pytest.mark.parametrize("marker", ["python", "selection"])
def test_the_readmes_examples_run(marker: str) -> None:
    code = block("README.md", marker).replace('"digits", target', '"digits", epochs=1, gens=2, target')
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert ran.stdout
    assert Path("ticket.safetensors").exists() == (marker == "python")


def test_the_example_for_a_network_of_ones_own_runs() -> None:
    code = block("own.md", "own") + "print(ticket)"
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "density 0.05" in ran.stdout


def test_the_library_example_runs() -> None:
    subprocess.run([sys.executable, ROOT / "examples/own_selection.py"], check=True, capture_output=True)
    assert Path("ticket.safetensors").exists()


def test_a_problem_and_settings_make_a_toolbox() -> None:
    found = re.search(
        r"```python\n(from nets_deap import EvolutionSettings.*?)```", PAGES["deap.md"], re.DOTALL
    )
    assert found
    names: dict[str, object] = {}
    exec(found.group(1), names)
    toolbox = names["toolbox"]
    (genome,) = toolbox.population(n=1)  # type: ignore[attr-defined]
    assert len(toolbox.evaluate(genome)) == 1  # type: ignore[attr-defined]


def test_the_pytorch_example_runs(cli) -> None:
    cli("evolve", "--out", "runs/demo", "--gens", "0", "--pop", "2", "--epochs", "1", "--map", "serial")
    assert cli("export", "runs/demo", "--python", "--out", "demo_net.py").code == 0
    ran = subprocess.run(
        [sys.executable, "-c", block("files.md", "export")], check=True, capture_output=True, text=True
    )
    active = int(ran.stdout.split()[0])
    assert f'"active": {active},' in cli("info", "runs/demo", "--json").out


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    folder = ROOT if page == "README.md" else ROOT / "docs"
    for target in re.findall(r"\]\(([^)]+)\)", PAGES[page]):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        assert (folder / path).exists(), target
        if anchor:
            text = (folder / path).read_text(encoding="utf-8") if path else PAGES[page]
            headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in slugs, target


def named(kind: str) -> list[str]:
    return {
        "operator": [name for name in dir(operators) if name.startswith(("cx", "mut"))],
        "method": [*METHODS, *(f"imp+{name}" for name in CONTROLS)],
        "data set": list(DATASETS),
        "mutation": list(MUTATIONS),
        "trace": list(TRACES),
        "selection": [name for name in SELECTIONS if f"`{name}:" not in ALL],
        "architecture": list(MODELS),
        "command": [f"nets-deap {name}" for name in COMMANDS],
    }[kind]


@pytest.mark.parametrize(
    "kind",
    ["operator", "method", "data set", "mutation", "trace", "selection", "architecture", "command"],
)
def test_everything_with_a_name_is_in_the_docs(kind: str) -> None:
    assert [name for name in named(kind) if f"`{name}`" not in ALL and f"`{name} " not in ALL] == []


def test_every_file_of_a_run_is_in_the_docs(cli) -> None:
    options = "--dataset xor-corners --epochs 3 --gens 1 --select nsga2 --out run --map serial"
    cli("evolve", *options.split())
    cli("train", "run", "--epochs", 3, "--random", 1, "--out", "trained", "--map", "serial")
    cli(
        "compare",
        *["--methods", "random", "--dataset", "xor-corners", "--epochs", "3", "--seeds", "2", "--track-test"],
        "--out",
        "c",
    )
    for folder in ("run", "trained", "c"):
        for path in Path(folder).iterdir():
            assert f"`{path.name}{'/' if path.is_dir() else ''}`" in PAGES["files.md"], path


def test_every_promise_has_its_test() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    named = re.findall(r"`(test_\w+)`", PAGES["promises.md"])
    assert [name for name in named if f"def {name}(" not in code] == []
    rows = [
        line
        for line in PAGES["promises.md"].splitlines()
        if line.startswith("| ") and line != "| what | test |"
    ]
    assert all("`test_" in row for row in rows)


OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
HELPS = {
    name: (ROOT / "tests" / "golden" / "help" / f"{name}.txt").read_text(encoding="utf-8")
    for name in COMMANDS
}


@pytest.mark.parametrize("page", PAGES)
def test_options_that_the_docs_name_are_there(page: str) -> None:
    known = {*OPTION.findall("".join(HELPS.values())), "--version", "--verbose", "--help"}
    assert set(OPTION.findall(PAGES[page])) <= known


@pytest.mark.parametrize("page", PAGES)
def test_a_command_line_in_the_docs_has_options_of_its_command(page: str) -> None:
    for name, rest in re.findall(r"nets-deap ([a-z0-9]+)((?: [^\s`#|&;]+)*)", PAGES[page]):
        assert name in COMMANDS, name
        assert set(OPTION.findall(rest)) <= set(OPTION.findall(HELPS[name])), (name, rest)
