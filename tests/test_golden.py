"""Seeded runs give what they gave when they were recorded."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from tests.golden.cases import CASES
from tests.golden.record import RECORDED, differences, machine, record, run

OLD = Path(__file__).parent / "golden" / "folders"


def read(path: str) -> list[list[str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def on_the_same_machine(recorded: Path = RECORDED) -> bool:
    """Where they were recorded runs are equal to the last bit; elsewhere to a tolerance."""
    return bool(json.loads((recorded / "machine.json").read_text(encoding="utf-8")) == machine())


@pytest.fixture(autouse=True)
def _data_dir(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NETS_DATA_DIR", raising=False)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] if name == "evolve-xor-paper" else []) for name in CASES],
)
def test_a_run_gives_what_is_recorded_of_it(name: str, cli) -> None:
    def call(words: list[str]) -> None:
        assert cli(*words).code == 0, words

    before = json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))
    assert not list(differences(before, run(name, call), on_the_same_machine()))


def test_an_evolution_of_an_earlier_version_is_gone_on_with(cli) -> None:
    shutil.copytree(OLD / "evolve", "old")
    before = read("old/logbook.csv")
    assert cli("evolve", "--out", "old", "--gens", 4, "--resume", "--map", "serial").code == 0
    config = json.loads(Path("old/config.json").read_text(encoding="utf-8"))
    assert read("old/logbook.csv")[: len(before)] == before
    assert (config["gens"], config["seed"]) == (4, 7)
    if on_the_same_machine(OLD):
        options = "--dataset xor-corners --preset paper --patience 0 --epochs 50 --seed 7 --map serial"
        cli("evolve", *options.split(), "--gens", 4, "--out", "new")
        assert record(Path("old"))["logbook.csv"] == record(Path("new"))["logbook.csv"]


def test_cycles_of_an_earlier_version_are_gone_on_with(cli) -> None:
    shutil.copytree(OLD / "imp", "old")
    Path("old/ticket.safetensors").unlink()
    Path("old/cycles/cycle-003.safetensors").unlink()
    options = "--dataset xor-corners --cycles 3 --epochs 50 --seed 7 --out old"
    assert cli("imp", *options.split()).code == 0
    now, before = record(Path("old")), record(OLD / "imp")
    found = differences(before, now, on_the_same_machine(OLD))
    assert not [told for told in found if "metadata/" not in told]  # of tickets, whose format is newer


def test_differences_are_found_at_any_depth() -> None:
    before = {"a.csv": ["gen,val_acc", "0,0.5"], "t": {"tensors": {"mask": "aa"}, "metadata": {"seed": 1}}}
    assert not list(differences(before, before, exact=True))
    for now in (
        {**before, "a.csv": ["gen,val_acc", "0,0.6"]},
        {**before, "a.csv": ["gen,val_acc"]},
        {**before, "t": {"tensors": {"mask": "ab"}, "metadata": {"seed": 1}}},
        {"t": before["t"]},
    ):
        assert len(list(differences(before, now, exact=True))) == 1
    newer = {**before, "t": {"tensors": {"mask": "aa", "extras": "b"}, "metadata": {"seed": 1}}}
    assert not list(differences(before, newer, exact=True))
    near = {**before, "a.csv": ["gen,val_acc", "0,0.55"]}
    assert not list(differences(before, near, exact=False))
    far = {**before, "a.csv": ["gen,val_acc", "0,0.9"]}
    assert len(list(differences(before, far, exact=False))) == 1
    longer = {**before, "a.csv": ["gen,val_acc", "0,0.5", "1,0.5"]}
    assert len(list(differences(before, longer, exact=False))) == 1
    settings = ({"run/config.json": {"lr": 0.1, "pop": 4}}, {"run/config.json": {"lr": 0.2, "pop": 5}})
    assert len(list(differences(*settings, exact=False))) == 2
