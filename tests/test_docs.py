"""What README and docs promise: links lead somewhere, every name is there. tests/docs/ runs their code."""

from __future__ import annotations

import re
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
    others = {  # of SLURM and Dask
        *("--requeue", "--signal"),
        *("--port", "--scheduler-file", "--nthreads", "--nworkers", "--hostfile", "--no-dashboard"),
        *("--protocol", "--tls-ca-file", "--tls-cert", "--tls-key", "--lifetime", "--lifetime-stagger"),
    }
    assert set(OPTION.findall(PAGES[page])) <= known | others


@pytest.mark.parametrize("page", PAGES)
def test_a_command_line_in_the_docs_has_options_of_its_command(page: str) -> None:
    for name, rest in re.findall(r"nets-deap ([a-z0-9]+)((?: [^\s`#|&;]+)*)", PAGES[page]):
        assert name in COMMANDS, name
        assert set(OPTION.findall(rest)) <= set(OPTION.findall(HELPS[name])), (name, rest)
