from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nets_deap.evolution.settings import configure
from nets_deap.problem.ticket import load_ticket
from nets_deap.search.config import SearchConfig
from nets_deap.search.registry import parse

SMALL = ("--data-limit", 200, "--epochs", 2, "--density", "0.1")


def test_a_search_leaves_ticket_logbook_and_cost(cli: Any) -> None:
    ran = cli("imp", *SMALL, "--cycles", 3, "--out", "i")
    assert ran.code == 0
    assert "cycle 3 of 3: " in ran.out
    assert "3 gradient steps" not in ran.out
    ticket = load_ticket("i/ticket.safetensors")
    assert ticket.mask.sum() == round(0.1 * ticket.layout.size)
    assert ticket.config["method"] == "imp:cycles=3"
    assert len(pd.read_csv("i/logbook.csv")) == 3
    cost = json.loads(Path("i/cost.json").read_text(encoding="utf-8"))
    assert cost["gradient_steps"] == 3 * 2 * 3
    told = [line.split(maxsplit=2) for line in cli("info", "i").out.splitlines()]
    assert ["gradient", "steps:", "18"] in told
    assert ["method:", "imp:cycles=3"] in told
    trained = cli("train", "i", "--data-limit", 200, "--epochs", 1, "--quiet", "--out", "t")
    assert trained.code == 0


def test_imp_goes_on_where_it_was_and_from_where_it_is_told(cli: Any) -> None:
    cli("imp", *SMALL, "--cycles", 4, "--out", "whole", "--quiet")
    whole = load_ticket("whole/ticket.safetensors")
    cli("imp", *SMALL, "--cycles", 4, "--out", "part", "--quiet")
    for name in ("cycles/cycle-003.safetensors", "cycles/cycle-004.safetensors", "ticket.safetensors"):
        (Path("part") / name).unlink()
    ran = cli("imp", *SMALL, "--cycles", 4, "--out", "part")
    assert "cycle 3 of 4: " in ran.out
    assert "cycle 2 of " not in ran.out
    assert (load_ticket("part/ticket.safetensors").mask == whole.mask).all()
    again = cli("imp", *SMALL, "--cycles", 4, "--out", "part", "--from-cycle", 1)
    assert "cycle 2 of " in again.out
    assert (load_ticket("part/ticket.safetensors").mask == whole.mask).all()
    none = cli("imp", *SMALL, "--cycles", 4, "--out", "part", "--from-cycle", 9)
    assert (none.code, none.err) == (2, "Error: part has no cycle 9 to continue from\n")
    assert Path("part/cycles/cycle-004.safetensors").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("search", "inp"), "unknown method 'inp'"),
        (("search", "set"), "gives a trained network, not a ticket"),
        (("search", "imp+reinit"), "gives a control of a ticket"),
        (("search", "snip", "--density", "1e-9"), "the least is"),
        (("search", "snip", "--from-cycle", "1"), "--from-cycle goes with methods that work in cycles"),
        (("imp", "--scope", "layer"), "no scope 'layer'"),
        (("random", "--allocation", "erdos"), "unknown allocation 'erdos'"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(cli: Any, arguments: tuple[str, ...], says: str) -> None:
    ran = cli(*arguments, "--data-limit", 200, "--epochs", 1, "--out", "new")
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err
    assert ran.err.count("\n") == 1
    assert not Path("new/ticket.safetensors").exists()


def test_a_folder_with_another_search_is_refused(cli: Any) -> None:
    cli("random", *SMALL, "--out", "r", "--quiet")
    before = Path("r/ticket.safetensors").read_bytes()
    ran = cli("random", *SMALL, "--allocation", "erk", "--out", "r")
    assert ran.code == 2
    assert "r holds a search with method random, not random:allocation=erk" in ran.err
    assert Path("r/ticket.safetensors").read_bytes() == before
    layers = ("--density", "0.1638", "--allocation", "0.1/0.2/0.3")
    given = cli("random", "--data-limit", 200, *layers, "--out", "g", "--json")
    np.testing.assert_allclose(list(json.loads(given.out)["layers"].values()), [0.1, 0.2, 0.3], atol=1e-3)


@pytest.mark.parametrize("preset", ["paper", "lth", "quick"])
@pytest.mark.parametrize("command", ["search", "compare"])
def test_every_preset_goes_with_every_command(cli: Any, command: str, preset: str) -> None:
    small = ("--preset", preset, "--data-limit", 100, "--epochs", 1, "--out", "p")
    what = ("random",) if command == "search" else ("--methods", "random", "--seeds", 1, "--map", "serial")
    assert cli(command, *what, *small).code == 0


# Fingerprints of the version before options of methods had types: the spelling that was given stays.
SPELLINGS = {
    "weedout:sparsity=0.8/0.5,repair=yes": "7d30e0ac",
    "weedout:repair=True,weed=0.50,pop=4": "93a9419c",
    "nets:lr=1e-2,select=tournament:tournsize=2,mutate=flip/prune-increase,pop=2": "2b71a6ac",
    "imp:exact=false,cycles=2": "45f73f3f",
    "es:sigma=1e-1,pop=8,gens=2,rounds=1": "e464607b",
    "random:allocation=0.10/0.1/0.1": "f904d2be",
}


@pytest.mark.parametrize("method", SPELLINGS)
def test_a_spelling_of_earlier_versions_is_the_same_run(method: str) -> None:
    config = configure(SearchConfig, method=method, density=0.1)
    assert config.fingerprint() == SPELLINGS[method]
    assert parse(str(config.method)) == config.method


def test_the_short_commands_spell_options_as_they_did(cli) -> None:
    cli(
        *[
            "weedout",
            "--sparsity",
            "0.8",
            "--repair",
            "--pop",
            "2",
            "--gens",
            "0",
            "--steps",
            "1",
            "--data-limit",
            "100",
            "--out",
            "w",
        ]
    )
    told = json.loads(Path("w/config.json").read_text(encoding="utf-8"))["method"]
    assert told == "weedout:gens=0,pop=2,repair=True,sparsity=0.8,steps=1"


def test_no_breed_is_not_the_same_as_nothing_said(cli) -> None:
    Path("ne.toml").write_text(
        'method = "node-evolution:pop=4,gens=1,steps=1"\ndata-limit = 100\n', encoding="utf-8"
    )
    for flag, name in (([], "node-evolution"), (["--no-breed"], "weedout")):
        assert cli("weedout", "--config", "ne.toml", *flag, "--out", name).code == 0
        told = json.loads(Path(name, "config.json").read_text(encoding="utf-8"))["method"]
        assert told.partition(":")[0] == name


@pytest.mark.parametrize("option", [["--track-test"], ["--workers", 2]])
def test_what_has_no_effect_on_a_method_is_refused(cli, option: list) -> None:
    told = cli("search", "random", *option)
    assert (told.code, "has no effect" in told.err, Path("runs").exists()) == (2, True, False)


def test_messages_name_only_options_that_the_command_has(cli) -> None:
    told = cli("search", "nets:pop=2,elites=3", "--density", "0.1")
    assert told.err == "Error: elites 3, pop 2: there are more elites than genomes\n"
    told = cli("evolve", "--pop", 2, "--elites", 3)
    assert told.err == "Error: --elites 3, --pop 2: there are more elites than genomes\n"
