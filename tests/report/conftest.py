"""Folders of every kind, made once by tiny runs, and a browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nets_deap_cli.commands import run

from nets_deap.report.page import write

TINY = ("--dataset", "digits", "--arch", "mlp-10", "--data-limit", "150", "--epochs", "2", "--quiet")
SERIAL = ("--map", "serial")


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """run/ (with a training and a verdict of its ticket), front/, rare/, imp/, learned/ and comparison/."""
    place = tmp_path_factory.mktemp("results")
    evolved = ("--pop", "4", "--gens", "4", *SERIAL)
    training = (*TINY[6:], *SERIAL)
    compared = ("--methods", "imp,random,nets:pop=2,gens=2,dense", "--densities", "0.5,0.2", "--seeds", "2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(place / "cache"))
        _run("evolve", *TINY, *evolved, "--mate", "uniform", "--out", place / "run")
        _run("train", place / "run", *training, "--random", "2", "--out", place / "run" / "trained")
        _run("verify", place / "run", *training, "--seeds", "2", "--out", place / "run" / "verdict")
        _run("evolve", *TINY, *evolved, "--select", "nsga2", "--out", place / "front")
        against = ("--select", "nsga2", "--against", "untrained")
        _run("evolve", *TINY, *evolved, *against, "--out", place / "rare")
        _run("imp", *TINY, "--density", "0.3", "--out", place / "imp")
        _run("search", "gem-miner:rounds=3", *TINY, "--density", "0.3", "--out", place / "learned")
        _run("compare", *TINY, *compared, "--track-test", *SERIAL, "--out", place / "comparison")
    return place


def _run(*words: object) -> None:
    assert run(list(map(str, words))) == 0, words


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
TICKET = {"masks", "pixels", "weights"}
FOUND = {"summary", "evolution", "timing", *TICKET}
# What each page is of, and the sections that it must have besides those that all have
PAGES: dict[str, tuple[list[str], set[str]]] = {
    "run": (["run"], {"verdict", "lineage", "training", *FOUND}),
    "front": (["front"], {"front", "lineage", *FOUND}),
    "fronts": (["front", "rare"], {"front", "lineage", *FOUND}),
    "imp": (["imp"], FOUND),
    "learned": (["learned"], FOUND - {"timing"}),
    "both": (["imp", "learned"], FOUND),
    "training": (["run/trained"], {"summary", "training", "timing", *TICKET}),
    "comparison": (["comparison"], {"comparison", "training", *FOUND}),
    "verdict": (["run/verdict"], {"summary", "verdict", *TICKET}),
    "several": (["run", "imp", "comparison"], {"verdict", "comparison", "lineage", "training", *FOUND}),
}
ALWAYS = {"settings", "environment"}


@pytest.fixture(scope="session")
def pages(results: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """name in PAGES -> file"""
    place = tmp_path_factory.mktemp("pages")
    for name, (folders, _) in PAGES.items():
        write([results / folder for folder in folders], place / f"{name}.html")
    return {name: place / f"{name}.html" for name in PAGES}


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless chromium."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no chromium: install the system's package chromium")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()
