"""A method that gives the same at any density, as the dense network, is trained once for all of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from nets_deap.experiments import comparison
from nets_deap.experiments.comparison import compare
from nets_deap.experiments.merge import merge
from nets_deap.experiments.trial import Trial, run_trial
from nets_deap.parallel.processes import MultiprocessMap
from nets_deap.parallel.serial import SerialMap
from nets_deap.search.registry import METHODS, method_of, parse
from nets_deap.util.errors import NetsError
from tests.experiments.small import config, texts


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float, int]]:
    """The trials that are run, in their order."""
    told: list[tuple[str, float, int]] = []

    def noted(trial: Trial, *more: Any) -> Any:
        told.append((str(trial.method), trial.density, trial.seed))
        return run_trial(trial, *more)

    monkeypatch.setattr(comparison, "run_trial", noted)
    return told


def rows(folder: Path) -> dict[float, pd.DataFrame]:
    read = pd.read_csv(folder / "trials.csv")
    return {asked: part.drop(columns="asked").reset_index() for asked, part in read.groupby("asked")}


ANY = [name for name in METHODS if method_of(parse(name)).any_density]


@pytest.mark.parametrize("name", [*ANY, *[f"{name}+reinit" for name in ANY]])
def test_trained_once_it_is_what_each_density_alone_gives(
    name: str, ran: list[tuple[str, float, int]]
) -> None:
    compare(config(methods=f"{name},random", track_test=True), Path("both"), SerialMap())
    assert [each for each in ran if each[0] == name] == [(name, 0.2, 1), (name, 0.2, 2)]
    assert not Path("both/tickets/dense-0.05-1.json").exists() or name in ANY  # nor is its base found again
    for density in (0.2, 0.05):
        alone = Path(str(density))
        compare(config(methods=f"{name},random", densities=str(density), track_test=True), alone, SerialMap())
        pd.testing.assert_frame_equal(
            rows(Path("both"))[density].drop(columns="index"), rows(alone)[density].drop(columns="index")
        )
        for seed in (1, 2):
            ticket, record = (f"{name}-{density}-{seed}{ending}" for ending in (".safetensors", ".json"))
            ours, theirs = (json.loads((at / "trials" / record).read_text()) for at in (Path("both"), alone))
            assert ours["logbook"] == theirs["logbook"]
            assert [{**row, "elapsed_s": 0} for row in ours["training"]] == [
                {**row, "elapsed_s": 0} for row in theirs["training"]
            ]
            ours, theirs = ((at / "tickets" / ticket).read_bytes() for at in (Path("both"), alone))
            assert ours == theirs


def test_going_on_with_another_density_trains_it_no_more(ran: list[tuple[str, float, int]]) -> None:
    compare(config(methods="dense,random", densities="0.2"), Path("run"), SerialMap())
    for name in ("trials", "tickets"):  # what is committed of a comparison lacks them
        shutil.rmtree(f"run/{name}")
    ran.clear()
    compare(config(methods="dense,random"), Path("run"), SerialMap())
    assert {name for name, _, _ in ran} == {"random"}
    compare(config(methods="dense,random"), Path("whole"), SerialMap())
    assert texts(Path("run")) == texts(Path("whole"))


def test_over_processes_and_in_shards_it_is_the_same() -> None:
    compare(config(methods="dense,dense+signs,random"), Path("one"), SerialMap())
    with MultiprocessMap(2) as engine:
        compare(config(methods="dense,dense+signs,random"), Path("two"), engine)
    for part in (1, 2):
        compare(config(methods="dense,dense+signs,random", shard=f"{part}/2"), Path(f"s{part}"), SerialMap())
    merge([Path("s1"), Path("s2")], Path("merged"))
    assert texts(Path("one")) == texts(Path("two")) == texts(Path("merged"))


def test_without_its_curves_it_is_trained_again(ran: list[tuple[str, float, int]]) -> None:
    compare(config(methods="dense", densities="0.2", track_test=True), Path("run"), SerialMap())
    shutil.rmtree("run/trials")
    ran.clear()
    compare(config(methods="dense", track_test=True), Path("run"), SerialMap())
    assert ran == [("dense", 0.05, 1), ("dense", 0.05, 2)]


def test_a_copy_that_fails_leaves_the_other_trials_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*more: Any) -> Any:
        raise NetsError("the disk is full")

    monkeypatch.setattr(comparison, "copied", full)
    found = compare(config(methods="dense,dense+signs,random", seeds=1), Path("run"), SerialMap())
    assert {trial.name for trial in found.failed} == {"dense-0.05-1", "dense+signs-0.05-1"}
    assert len(found.rows) == 4


def test_if_it_fails_it_fails_at_each_density(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(trial: Trial, *more: Any) -> Any:
        if str(trial.method) == "dense":
            raise RuntimeError("no luck")
        return run_trial(trial, *more)

    monkeypatch.setattr(comparison, "run_trial", fails)
    found = compare(config(methods="dense,random", seeds=1), Path("run"), SerialMap())
    assert [(trial.density, error) for trial, error in found.failed.items()] == [
        (0.2, "RuntimeError: no luck"),
        (0.05, "RuntimeError: no luck"),
    ]
    monkeypatch.setattr(comparison, "run_trial", run_trial)
    assert not compare(config(methods="dense,random", seeds=1), Path("run"), SerialMap()).failed
