"""The site and its notebooks are whole; `make docs` builds them."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from nets_deap_cli.commands import COMMANDS

import nets_deap
from tests.docs.blocks import NOTEBOOKS, PAGES, ROOT, cells_of
from tests.docs.running import run_cells

SITE = ROOT / "docs" / "site"


def from_site(name: str) -> object:
    spec = importlib.util.spec_from_file_location(name, SITE / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_page_and_notebook_is_in_the_contents_once() -> None:
    pages = [page for part in from_site("contents").CONTENTS.values() for page in part]  # type: ignore[attr-defined]
    there = {str(path.relative_to(ROOT).with_suffix("")) for path in [*PAGES.values(), *NOTEBOOKS]} - {
        "README"
    }
    assert sorted(page for page in pages if page.startswith("docs/")) == sorted(there)


def test_every_public_name_and_command_is_in_the_reference_once() -> None:
    api = PAGES["api.md"].read_text(encoding="utf-8")
    named = re.findall(r"^\.\. auto(?:function|class|exception):: (\w+)$", api, re.MULTILINE)
    assert sorted(named) == sorted({*nets_deap.__all__} - {"__version__"})
    shown = re.findall(
        r"golden/help/(\w+)\.txt$", PAGES["commands.md"].read_text(encoding="utf-8"), re.MULTILINE
    )
    assert shown == list(COMMANDS)


def test_docstrings_become_lists() -> None:
    rewrite = from_site("docstrings").as_lists  # type: ignore[attr-defined]
    text = "Of `x` * 2.\n\n    a, b: first\n        goes on\n    c: last\n    Raises E: never".splitlines()
    assert rewrite(text) == [
        *["Of ``x`` \\* 2.", ""],
        *["- ``a``, ``b``: first", "  goes on", "- ``c``: last", ""],
        *["Raises E: never", ""],
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_stores_no_output(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert all(cell.get("outputs", []) == [] and cell.get("execution_count") is None for cell in cells)


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_cells(cells_of(path), {"__name__": "__main__"})
    assert "of the test samples are right" in capsys.readouterr().out


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    """Without running the notebooks, which `make docs` does."""
    for needed in ("sphinx", "myst_nb", "furo", "sphinx_copybutton"):
        pytest.importorskip(needed, reason="the extra `docs` is not installed")
    options = ["--quiet", "--fail-on-warning", "-D", "nb_execution_mode=off", "-c", "docs", "."]
    command = [sys.executable, "-m", "sphinx", *options, str(tmp_path / "html")]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    for page in ("index", "README", "docs/tutorial", "docs/notebooks/own_operator", "results/search/index"):
        assert (tmp_path / "html" / f"{page}.html").exists(), page
