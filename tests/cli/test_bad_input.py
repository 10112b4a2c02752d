"""Bad input: one line, exit code 2, and nothing is left behind."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from nets_deap_cli.commands import COMMANDS
from nets_deap_cli.commands import cli as group

from tests.cli.test_cli import TINY
from tests.conftest import assert_refused


def params(name: str) -> list[click.Parameter]:
    command = group.get_command(click.Context(group), name)
    assert command is not None
    return command.params


BAD = {
    "no such command": ["evlove"],
    "no such option": ["evolve", "--popp", "3"],
    "pop as a word": ["evolve", "--pop", "many"],
    "pop 0": ["evolve", "--pop", "0"],
    "gens negative": ["evolve", "--gens", "-1"],
    "density 0": ["evolve", "--density", "0"],
    "density above 1": ["evolve", "--init-density", "1.5"],
    "density nan": ["evolve", "--init-density", "nan"],
    "tau 1": ["evolve", "--density", "1"],
    "more elites than genomes": ["evolve", "--pop", "4", "--elites", "5"],
    "rate above 1": ["evolve", "--crossover", "1.1"],
    "negative rate": ["evolve", "--dormancy", "-0.1"],
    "lr 0": ["evolve", "--lr", "0"],
    "lr beyond float32": ["evolve", "--lr", "1e300"],
    "precision unknown": ["evolve", "--precision", "half", "--map", "batched"],
    "precision without a stack": ["evolve", "--precision", "bf16"],
    "lr infinite": ["evolve", "--lr", "inf"],
    "epochs 0": ["train", "--epochs", "0"],
    "batch negative": ["evolve", "--batch-size", "-5"],
    "fraction 0": ["evolve", "--data-fraction", "0"],
    "limit 0": ["evolve", "--data-limit", "0"],
    "limit too small": ["evolve", "--data-limit", "3"],
    "patience negative": ["evolve", "--patience", "-1"],
    "time limit 0": ["evolve", "--time-limit", "0"],
    "workers 0": ["evolve", "--workers", "0"],
    "unknown data set": ["evolve", "--dataset", "minst"],
    "missing data": ["evolve", "--dataset", "mnist", "--data-dir", "nowhere"],
    "folder missing": ["evolve", "--dataset", "folder:nowhere"],
    "folder without path": ["evolve", "--dataset", "folder:"],
    "unknown architecture": ["evolve", "--arch", "resnet"],
    "unknown optimizer": ["evolve", "--optimizer", "adma"],
    "optimizer argument that torch refuses": ["train", "run", "--optimizer", "sgd:nesterov=yes"],
    "optimizer that cannot train here": ["evolve", "--optimizer", "lbfgs"],
    "unknown schedule": ["evolve", "--schedule", "cosin"],
    "schedule argument": ["train", "run", "--schedule", "multistep:at=2"],
    "negative clip": ["evolve", "--clip", "-1"],
    "all of a label smoothed": ["evolve", "--label-smoothing", "1"],
    "label smoothing of a squared error": ["evolve", "--dataset", "xor", "--label-smoothing", "0.1"],
    "unknown selection": ["evolve", "--select", "torunament"],
    "refused selection": ["evolve", "--select", "worst"],
    "selection argument": ["evolve", "--select", "tournament:k=2"],
    "selection in the wrong algorithm": ["evolve", "--select", "best", "--algorithm", "simple"],
    "dcd at population 5": ["evolve", "--select", "tournament-dcd", "--pop", "5"],
    "unknown algorithm": ["evolve", "--algorithm", "mu"],
    "unknown map": ["evolve", "--map", "threads"],
    "unknown preset": ["evolve", "--preset", "papers"],
    "unknown fitness": ["evolve", "--fitness", "nowhere:f"],
    "fitness without a function": ["evolve", "--fitness", "math"],
    "config missing": ["evolve", "--config", "nowhere.toml"],
    "config with unknown keys": ["evolve", "--config", "unknown.toml"],
    "config of wrong types": ["evolve", "--config", "types.toml"],
    "config that is no toml": ["evolve", "--config", "text.toml"],
    "config that is a folder": ["evolve", "--config", "folder"],
    "out is a file": ["evolve", "--out", "text.toml"],
    "out below a file": ["evolve", "--out", "text.toml/run"],
    "out is a stranger's folder": ["evolve", "--out", "folder"],
    "out cannot be created": ["evolve", "--out", "/proc/nets-deap"],
    "epochs and iterations": ["evolve", "--epochs", "3", "--iterations", "2"],
    "a name too long": ["evolve", "--out", "x" * 300],
    "a ticket's name too long": ["train", "x" * 300],
    "no cuda": ["train", "run", "--device", "cuda", "--out", "new"],
    "no cuda to verify on": ["verify", "run", "--device", "cuda", "--out", "new"],
    "no cuda to compare on": ["compare", "--methods", "random", "--device", "cuda", "--out", "new"],
    "no cuda to search on": ["search", "imp", "--device", "cuda", "--out", "new"],
    "no cuda for a transfer": ["transfer", "run", "--device", "cuda", "--out", "new"],
    "no cuda for a line": ["connectivity", "run", "--device", "cuda", "--out", "new"],
    "ticket missing": ["train", "nowhere"],
    "ticket that is text": ["train", "text.toml"],
    "ticket truncated": ["train", "cut.safetensors"],
    "ticket of another architecture": ["train", "run", "--dataset", "digits"],
    "train into a stranger's folder": ["train", "run", "--out", "folder"],
    "info on a stranger's folder": ["info", "folder"],
    "info on nothing": ["info", "nowhere"],
    "export of text": ["export", "text.toml"],
    "no argument": ["train"],
    "resume with another seed": ["evolve", "--out", "run", "--resume", "--seed", "9"],
    "resume with fewer generations": ["evolve", "--out", "run", "--resume", "--gens", "1"],
    "resume from a damaged checkpoint": ["evolve", "--out", "hurt", "--resume", "--gens", "9"],
}


@pytest.fixture
def place(cli) -> None:
    """A folder with a run and some obstacles."""
    cli(*TINY, "--out", "run")
    cli(*TINY, "--out", "hurt")
    for name in ("checkpoint.safetensors", "checkpoint.previous.safetensors"):
        Path("hurt", name).write_bytes(Path("hurt", name).read_bytes()[:200])
    Path("cut.safetensors").write_bytes(Path("run/ticket.safetensors").read_bytes()[:-30])
    Path("unknown.toml").write_text("popp = 3\n", encoding="utf-8")
    Path("types.toml").write_text('gens = "all"\n', encoding="utf-8")
    Path("text.toml").write_text("a text = = that is no toml\n", encoding="utf-8")
    Path("folder").mkdir()
    Path("folder/thesis.tex").touch()


@pytest.mark.usefixtures("place")
def test_bad_input_is_one_line_exit_code_2_and_leaves_nothing(cli) -> None:
    assert len(BAD) >= 40
    assert_refused(cli, BAD)


@pytest.mark.parametrize("words", [["nowhere"], ["nowhere", "nothing"]], ids=len)
@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_refuses_what_is_not_there(name: str, words: list[str], cli) -> None:
    ran = cli(name, *words)
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (2, "", 1)
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("name", [name for name in COMMANDS if any(p.required for p in params(name))])
def test_every_command_says_what_it_lacks(name: str, cli) -> None:
    """Each argument and option that has to be given is named if it is not."""
    needed = [parameter for parameter in params(name) if parameter.required]
    ran = cli(name, *["given" for parameter in needed[:-1] if parameter.param_type_name == "argument"])
    assert (ran.code, ran.out) == (2, "")
    assert "Missing" in ran.err
