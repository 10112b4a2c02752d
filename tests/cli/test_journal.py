"""log.txt in the folder of a run, and the same on stderr by --verbose."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Ran

Cli = Callable[..., Ran]
TINY = ("evolve", "--dataset", "xor-corners", "--pop", 4, "--gens", 1, "--epochs", 2, "--map", "serial")
LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (INFO|ERROR) +(.*)")
LOG = Path("run/log.txt")


def messages(text: str) -> list[str]:
    """Of lines that are not a traceback's."""
    return [match[2] for match in map(LINE.fullmatch, text.splitlines()) if match]


def test_the_log_says_what_ran_with_which_settings_and_what_came(cli: Cli) -> None:
    first = cli(*TINY, "--out", "run", "--verbose")
    assert first.code == 0
    told = messages(LOG.read_text(encoding="utf-8"))
    assert messages(first.err) == told
    starts = ["nets-deap 0", "nets-deap evolve --dataset xor-corners", "settings: ", "writing to run"]
    starts += ["saved: gen 0, ", "saved: gen 1, ", "finished: 1 generation", "ended after "]
    assert [text.startswith(start) for text, start in zip(told, starts, strict=True)] == [True] * len(told)
    assert ", epochs 2, " in told[2]
    assert "schedule" not in told[2]  # that is the default
    assert cli(*TINY, "--gens", 2, "--out", "run").err.count("\n") == 1  # a note, and no log
    both = messages(LOG.read_text(encoding="utf-8"))
    assert both[: len(told)] == told
    assert [text for text in both[len(told) :] if text.startswith("saved: ")] == [both[-3]]
    assert "note: the run in run goes on after generation 1" in both


def test_a_refused_run_does_not_write_into_the_log_of_another(cli: Cli) -> None:
    assert cli("random", *TINY[1:3], "--out", "run").code == 0
    before = LOG.read_bytes()
    refused = cli("random", *TINY[1:3], "--density", 0.5, "--out", "run", "-v")
    assert refused.code == 2
    assert "Traceback" not in refused.err
    assert [line.startswith("Error: ") for line in refused.err.splitlines()][-3:-1] == [False, True]
    assert LOG.read_bytes() == before


def test_an_error_is_in_the_log_with_its_traceback(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(".")
    Path("broken_fitness.py").write_text(
        "def fitness(evaluation, genome):\n    return 1 / (evaluation.generation - 1)\n", encoding="utf-8"
    )
    failed = cli(*TINY, "--fitness", "broken_fitness:fitness", "--out", "run")
    assert (failed.code, failed.err.count("\n")) == (2, 1)
    text = LOG.read_text(encoding="utf-8")
    assert "Traceback" in text
    assert "ZeroDivisionError: division by zero" in text
    assert "the fitness function fitness raised" in text


def test_a_run_that_comes_to_nothing_leaves_no_log(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from nets_deap.evolution.run import Evolution

    def interrupted(self: Evolution) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(Evolution, "advance", interrupted)
    from nets_deap_cli.commands import run

    assert run([*map(str, TINY), "--out", "run"]) == 130
    assert not Path("run").exists()


def test_a_file_of_the_users_own_stays_as_it_is(cli: Cli) -> None:
    Path("run").mkdir()
    LOG.write_text("my notes\n", encoding="utf-8")
    assert cli("random", *TINY[1:3], "--out", "run").code == 0
    assert LOG.read_text(encoding="utf-8") == "my notes\n"


def test_the_log_is_not_written_through_a_link(cli: Cli) -> None:
    Path("run").mkdir()
    Path("mine.txt").write_text("mine\n", encoding="utf-8")
    LOG.symlink_to("../mine.txt")
    assert cli("random", *TINY[1:3], "--out", "run").code == 0
    assert Path("mine.txt").read_text(encoding="utf-8") == "mine\n"


def test_workers_do_not_log_and_each_trial_is_a_line(cli: Cli) -> None:
    words = ("compare", *TINY[1:3], "--methods", "random,imp:cycles=2", "--epochs", 2, "--seeds", 1)
    assert cli(*words, "--workers", 2, "--out", "run").code == 0
    told = messages(LOG.read_text(encoding="utf-8"))
    assert [text.split()[0] for text in told].count("trial") == 2
    assert len(told) == 4 + 2 + 1
