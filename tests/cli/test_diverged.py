"""A training that diverges gives JSON that any reader takes, says so in words, and is not exported."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Ran

DIVERGES = ("--optimizer", "sgd", "--lr", "1e6", "--epochs", "1")
COMMANDS = {
    "train": ("train", "r", "--random", "1"),
    "verify": ("verify", "r", "--seeds", "2"),
    "compare": ("compare", "--methods", "snip,dense", "--seeds", "2", "--track-test"),
    "evolve": ("evolve", "--pop", "2", "--gens", "1"),
    "info": ("info", "r"),
}


def strict(text: str) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("command", COMMANDS)
def test_no_json_holds_what_its_standard_lacks(command: str, cli: Callable[..., Ran]) -> None:
    assert cli("random", "--density", "0.3", "--out", "r", "--quiet").code == 0
    place = () if command == "info" else (*DIVERGES, "--out", "o")
    result = cli(*COMMANDS[command], *place, "--json")
    assert result.code == 0, result
    told = strict(result.out)
    if command == "train":
        assert told["ticket"]["test_loss"] is None
        assert told["ticket"]["diverged"]
    for path in Path().rglob("*.json"):
        strict(path.read_text(encoding="utf-8"))
    again = cli(*COMMANDS[command], *place)  # resumed from what was kept
    assert again.code == 0, again
    if command in ("train", "verify", "compare"):
        assert "diverged" in again.out


def test_a_ticket_of_a_diverged_search_is_read_again(cli: Callable[..., Ran]) -> None:
    assert cli("evolve", "--pop", "2", "--gens", "0", *DIVERGES, "--out", "o", "--quiet").code == 0
    assert "diverged" in cli("evolve", "--pop", "2", "--gens", "0", *DIVERGES, "--out", "p").out
    assert strict(cli("info", "o", "--json").out)["method"] == "nets"


@pytest.mark.parametrize(
    "command",
    [
        ("connectivity", "r", "--seeds", "1", "--points", "3"),
        ("imp", "--density", "0.5"),
        ("transfer", "r", "--to", "sgd", "--seeds", "1", "--lr", "1e6"),
    ],
)
def test_what_needs_a_finite_network_says_that_it_diverged(
    command: tuple[str, ...], cli: Callable[..., Ran]
) -> None:
    cli("random", "--density", "0.3", "--out", "r", "--quiet")
    recipe = DIVERGES[4:] if command[0] == "transfer" else DIVERGES
    result = cli(*command, *recipe, "--out", "o")
    assert result.code == 2
    assert re.fullmatch(r"Error: .* diverged.*\n", result.err)


def test_networks_that_are_not_finite_are_not_exported(cli: Callable[..., Ran]) -> None:
    cli("random", "--density", "0.3", "--out", "r", "--quiet")
    cli("train", "r", *DIVERGES, "--out", "t", "--quiet")
    result = cli("export", "r", "--trained", "t")
    assert result.code == 2
    assert result.err == "Error: --trained t: that training diverged, its weights are not finite\n"
    assert not Path("r/export-trained").exists()


def test_json_is_written_in_one_place() -> None:
    """`json.dumps` writes NaN as it is, unless told otherwise."""
    sources = Path(__file__).parents[2]
    for path in [*(sources / "nets_deap").rglob("*.py"), *(sources / "cli").rglob("*.py")]:
        for call in re.findall(r"json\.dumps?\((?:[^()]|\([^()]*\))*\)", path.read_text(encoding="utf-8")):
            known = path.name in ("ticket.py", "checkpoint.py")  # no figures; only finite ones
            assert known or "allow_nan=False" in call or "json_text" in call, (path, call)
