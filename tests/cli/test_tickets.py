"""A folder in place of a ticket: what it holds instead is said by every command that takes a ticket."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nets_deap_cli.commands import COMMANDS

from nets_deap.evolution import checkpoint
from nets_deap.search import going_on
from nets_deap.util import files
from tests.cli.test_bad_input import params
from tests.cli.test_going_on import stopping

TAKING = [name for name in COMMANDS if any(parameter.name == "ticket" for parameter in params(name))]
XOR = ("--dataset", "xor", "--arch", "mlp-10", "--epochs", "2")


@pytest.fixture
def place(cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The folders of an evolution and a search that were interrupted, of a comparison, and of a stranger."""
    with monkeypatch.context() as patch:
        stopping(patch, 1, checkpoint, "save_state")
        assert cli("evolve", *XOR, "--pop", 2, "--gens", 2, "--map", "serial", "--out", "evolved").code == 130
    with monkeypatch.context() as patch:
        stopping(patch, 1, going_on, "save")
        assert cli("search", "imp:cycles=2", *XOR, "--out", "searched").code == 130
    assert (
        cli("compare", "--methods", "random", *XOR, "--seeds", 1, "--map", "serial", "--out", "c").code == 0
    )
    Path("stranger").mkdir()


SAID = {
    "evolved": "evolved holds no ticket: its search is not finished; to go on: nets-deap evolve --out",
    "searched": "searched holds no ticket: its search is not finished; to go on: the command that began",
    "c": "c is the folder of nets-deap compare and holds no ticket.safetensors; name a ticket, such",
    "stranger": "stranger has no ticket.safetensors: expected a ticket's file, or the folder of a search",
}


@pytest.mark.usefixtures("place")
def test_a_folder_without_a_ticket_says_what_it_holds(cli: Callable[..., Any]) -> None:
    assert len(TAKING) >= 5
    for folder, said in SAID.items():
        for words in [*([name, folder] for name in TAKING), ["info", folder, "--cost"]]:
            ran = cli(*words)
            assert (ran.code, ran.out, len(ran.err.splitlines())) == (2, "", 1), ran.err
            assert said in ran.err, (words, ran.err)
    named = cli("train", "c").err.split()[-1]
    assert "dense" not in named
    assert cli("info", named).code == 0


@pytest.mark.usefixtures("place")
def test_a_ticket_that_was_lost_is_written_again(cli: Callable[..., Any]) -> None:
    search = ("search", "random", *XOR, "--out", "lost")
    assert cli(*search).code == 0
    ticket = Path("lost", "ticket.safetensors")
    whole = ticket.read_bytes()
    ticket.unlink()
    ran = cli("verify", "lost")
    assert "its search is finished, and the ticket is missing; to write it again: the command" in ran.err
    assert "to go on:            the command that began it" in cli("info", "lost").out
    assert cli(*search).code == 0
    assert ticket.read_bytes() == whole
    assert cli("train", "lost", *XOR, "--out", "lost/trained").code == 0
    below = cli("export", "lost/trained")
    assert "is the folder of nets-deap train and holds no ticket.safetensors; name a ticket," in below.err
    assert cli("info", below.err.split()[-1]).code == 0


@pytest.mark.usefixtures("place")
def test_a_search_that_runs_is_not_told_to_go_on(cli: Callable[..., Any]) -> None:
    with files.claimed_folder(Path("searched")):
        ran = cli("verify", "searched")
    assert (ran.code, "holds no ticket yet: its search is running" in ran.err) == (2, True), ran.err
