"""What is damaged, edited, missing or not to be read in a folder: told apart, and nothing whole is lost."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nets_deap.evolution import checkpoint, folder
from nets_deap.problem.ticket import load_ticket
from tests.cli.test_folders import TINY, XOR, in_another_process


def test_a_damaged_checkpoint_falls_back_on_the_one_before(cli: Callable[..., Any]) -> None:
    assert cli(*TINY, "--gens", 4, "--out", "whole").code == 0
    assert cli(*TINY, "--out", "run").code == 0
    path = Path("run/checkpoint.safetensors")
    content = bytearray(path.read_bytes())
    content[-20] ^= 4
    path.write_bytes(content)
    told = cli("evolve", "--out", "run", "--gens", 4, "--resume")
    assert told.code == 0
    assert told.err.count("\n") == 2  # the other says that it goes on
    assert "is damaged" in told.err
    assert "continuing from the one before" in told.err
    tickets = [load_ticket(f"{place}/ticket.safetensors") for place in ("run", "whole")]
    assert tickets[0].content() == tickets[1].content()
    path.unlink()  # as between two renamings
    assert cli("evolve", "--out", "run", "--gens", 5, "--resume").code == 0


def test_the_save_after_a_damaged_checkpoint_leaves_a_whole_one(cli: Callable[..., Any]) -> None:
    assert cli(*TINY, "--out", "run").code == 0
    path = Path("run/checkpoint.safetensors")
    path.write_bytes(path.read_bytes()[:-3])

    def before() -> None:
        checkpoint.write_safetensors = lambda *_: os._exit(9)  # killed while it writes the next

    assert in_another_process(("evolve", "--out", "run", "--gens", 4, "--resume"), before) == 9
    assert cli("evolve", "--out", "run", "--gens", 4, "--resume").code == 0


def test_a_drawn_training_without_weights_is_trained_again(cli: Callable[..., Any]) -> None:
    assert cli("random", *XOR, "--density", 0.3, "--out", "run").code == 0
    words = ("train", "run", "--epochs", 3, "--out", "trained")
    assert cli(*words).code == 0
    assert cli("plot", "trained").code == 0
    Path("trained/trained.safetensors").unlink()
    assert cli(*words).code == 0
    assert Path("trained/trained.safetensors").exists()


def test_a_damaged_cycle_falls_back_on_the_one_before(cli: Callable[..., Any]) -> None:
    words = ("imp", *XOR, "--cycles", 3, "--out", "run")
    assert cli(*words).code == 0
    ticket = Path("run/ticket.safetensors").read_bytes()
    last = Path("run/cycles/cycle-003.safetensors")
    last.write_bytes(last.read_bytes()[:-3])
    told = cli(*words)
    assert (told.code, told.err.count("\n"), "continuing from the one before" in told.err) == (0, 1, True)
    assert Path("run/ticket.safetensors").read_bytes()[-150:] == ticket[-150:]
    for path in Path("run/cycles").iterdir():
        path.write_bytes(b"")
    told = cli(*words)
    assert (told.code, "--from-cycle 0" in told.err) == (2, True)
    assert len(list(Path("run/cycles").iterdir())) == 3


@pytest.mark.parametrize("name", ["checkpoint.safetensors", "config.json"])
def test_what_may_be_whole_is_not_called_damaged(
    name: str, cli: Callable[..., Any], monkeypatch: Any
) -> None:
    cli(*TINY, "--out", "run")
    reading = Path.open

    def without_rights(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.name == name:
            raise PermissionError(13, "Permission denied")
        return reading(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", without_rights)
    told = cli("evolve", "--out", "run", "--gens", 9, "--resume")
    assert (told.code, told.err.count("\n"), "Permission denied" in told.err) == (2, 1, True)
    assert not {"damaged", "delete"} & set(told.err.replace(":", " ").split())


def test_no_message_advises_to_delete_what_may_be_whole() -> None:
    root = Path(folder.__file__).parents[2]
    for path in [*(root / "nets_deap").rglob("*.py"), *(root / "cli").glob("*.py")]:
        assert "delete the run" not in path.read_text(encoding="utf-8")


def test_a_training_without_its_weights_is_not_finished(cli: Callable[..., Any]) -> None:
    cli("random", *XOR, "--density", 0.5, "--out", "t")
    first = cli("train", "t", "--epochs", 3, "--out", "run", "--json")
    Path("run/trained.safetensors").unlink()
    again = cli("train", "t", "--epochs", 3, "--out", "run", "--json")
    assert (again.code, again.err) == (0, "")
    assert json.loads(again.out) == json.loads(first.out)
    assert Path("run/trained.safetensors").exists()
    text = Path("run/summary.json").read_text(encoding="utf-8")
    for damaged in ("", "[]", "{}", text[:-30], text.replace('"test_acc": 0', '"test_acc": 1')):
        Path("run/summary.json").write_text(damaged, encoding="utf-8")
        told = cli("train", "t", "--epochs", 3, "--out", "run")
        assert (told.code, told.err.count("\n")) == (2, 1)


def test_derived_tables_that_are_damaged_are_made_again(cli: Callable[..., Any]) -> None:
    words = (
        "compare",
        *XOR,
        "--methods",
        "imp:cycles=2,random",
        "--seeds",
        2,
        "--track-test",
        "--map",
        "serial",
    )
    assert cli(*words, "--out", "c").code == 0
    names = ("logbooks.csv", "training.csv", "seconds.csv", "summary.csv")
    before = {name: Path("c", name).read_text(encoding="utf-8") for name in names}
    for name in names:
        Path("c", name).write_text(before[name][:-4], encoding="utf-8")
        assert cli(*words, "--out", "c").code == 0, name
        assert {name: Path("c", name).read_text(encoding="utf-8") for name in names} == before


def test_edited_results_are_not_trusted(cli: Callable[..., Any]) -> None:
    words = ("compare", *XOR, "--methods", "random", "--seeds", 2, "--map", "serial", "--out", "c")
    assert cli(*words).code == 0
    text = Path("c/trials.csv").read_text(encoding="utf-8")
    Path("c/trials.csv").write_text(text.replace(",0.5,", ",0.9,"), encoding="utf-8")
    assert Path("c/trials.csv").read_text(encoding="utf-8") != text
    told = cli(*words)
    assert (told.code, told.err.count("\n"), "trials.csv" in told.err) == (2, 1, True)
    Path("c/trials.csv").unlink()  # the trials' own files hold it
    own = next(Path("c/trials").glob("*.json"))
    own.write_text(own.read_text(encoding="utf-8").replace('"test_acc": 0.5', '"test_acc": 0.9'))
    assert cli(*words).code == 0
    assert Path("c/trials.csv").read_text(encoding="utf-8") == text
