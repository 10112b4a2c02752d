from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import pytest
from nets_deap_cli import again
from nets_deap_cli import verify as verify_command
from scipy import stats

from nets_deap.experiments.more_seeds import POWER, seeds_to_decide
from nets_deap.experiments.verdict import DENSE, NETWORKS, NOT_WINNING, TICKET, WINNING, judge, verify
from nets_deap.parallel.serial import SerialMap
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.search.random_ticket import random_ticket
from nets_deap.util.errors import NetsError

DIGITS = Problem("digits", "lenet-300-100", Recipe("adam", 1.2e-3, 60, epochs=2), data_limit=300)


def rows(dense: list[tuple[int, float]], ticket: list[tuple[int, float]]) -> list[dict[str, Any]]:
    """(early-stop iteration, test accuracy) of each seed."""
    return [
        {"network": name, "seed": seed, "early_stop_iteration": j, "test_acc": a, "val_loss": 0.3}
        for name, trained in ((DENSE, dense), (TICKET, ticket))
        for seed, (j, a) in enumerate(trained)
    ]


FLAT = [(100, 0.90), (200, 0.92), (300, 0.94)]
FLAT_BEFORE = [(1, 0.90), (2, 0.92), (3, 0.94)]


def test_verdicts_worked_by_hand() -> None:
    # Every seed's ticket is 10 iterations earlier and a point better: no spread, so the intervals are points.
    better = [(j - 10, a + 0.01) for j, a in FLAT]
    verdict = judge(rows(FLAT, better), DIGITS, 0.05)
    assert verdict.later[:2] == pytest.approx((-10, 0))
    assert verdict.better[:2] == pytest.approx((1, 0))
    assert verdict.text == WINNING
    assert judge(rows(FLAT, better), DIGITS, 0.6).text == NOT_WINNING  # it is not much smaller
    assert judge(rows(FLAT, better), DIGITS, 0.6, at_most=0.7).text == WINNING
    assert judge(rows(FLAT, FLAT), DIGITS, 0.05).text == WINNING  # no later, no worse
    assert judge(rows(FLAT, [(j + 10, a + 0.01) for j, a in FLAT]), DIGITS, 0.05).text == NOT_WINNING
    worse = [(j - 10, a - 0.01) for j, a in FLAT]
    assert judge(rows(FLAT, worse), DIGITS, 0.05).text == NOT_WINNING
    assert judge(rows(FLAT, worse), DIGITS, 0.05, margin=1.5).text == WINNING
    mixed = [(90, 0.91), (190, 0.90), (290, 0.96)]  # +1, −2, +2 points
    assert judge(rows(FLAT, mixed), DIGITS, 0.05).text == "undecided with 3 seeds"


def test_the_ticket_beside_each_control_and_how_many_seeds_would_decide() -> None:
    mixed = [(90, 0.91), (190, 0.90), (290, 0.96)]  # +1, −2, +2 points beside the dense network
    control = [{**row, "network": "random"} for row in rows(FLAT, FLAT_BEFORE)[:3]]
    verdict = judge([*rows(FLAT, mixed), *control], DIGITS, 0.05)
    assert verdict.beside.keys() == {DENSE, "random"}
    assert verdict.beside[DENSE] == verdict.beside["random"] == verdict.better
    assert verdict.enough_seeds == seeds_to_decide(verdict.better.mean, verdict.better.half_width, 3)
    assert verdict.enough_seeds is not None
    sure = judge(rows(FLAT, [(j - 10, a + 0.01) for j, a in FLAT]), DIGITS, 0.05)
    assert (sure.winning, sure.enough_seeds) == (True, None)


@pytest.mark.parametrize(
    ("distance", "enough"), [(1.0, 10), (0.5, 34), (-0.5, 34), (0.0, None), (0.05, None)]
)
def test_sample_sizes_from_the_usual_tables(distance: float, enough: int | None) -> None:
    """One sample, two-sided 5 %, power 80 %: 10 for an effect of 1 standard deviation, 34 for a half."""
    half_width = stats.t.ppf(0.975, 4) / np.sqrt(5)  # of five values with a standard deviation of 1
    assert seeds_to_decide(distance, half_width, 5) == enough


def test_the_seeds_asked_for_decide_about_as_often_as_promised() -> None:
    half_width = stats.t.ppf(0.975, 4) / np.sqrt(5)
    count = seeds_to_decide(0.6, half_width, 5)
    assert count is not None
    drawn = np.random.default_rng(0).normal(0.6, 1, (4000, count))
    reach = stats.t.ppf(0.975, count - 1) * drawn.std(axis=1, ddof=1) / np.sqrt(count)
    assert np.mean(drawn.mean(axis=1) - reach > 0) == pytest.approx(POWER, abs=0.03)


def test_no_verdict_on_what_has_not_learnt_or_is_not_done() -> None:
    last = DIGITS.recipe.steps(len(DIGITS.data.train.y))
    at_the_end = [(last, a) for _, a in FLAT]
    verdict = judge(rows(at_the_end, at_the_end), DIGITS, 0.05)
    assert verdict.conditions["trains as fast"] is None
    assert "still learning" in verdict.text
    assert judge(rows(at_the_end, FLAT_BEFORE), DIGITS, 0.05).text == WINNING  # it at least has finished
    chance = [(j, 0.1) for j, _ in FLAT]
    assert judge(rows(chance, FLAT), DIGITS, 0.05).text == "undecided: the dense network has learnt nothing"
    unbounded = [row | {"val_loss": np.nan} for row in rows(FLAT, FLAT)]
    assert "learnt nothing" in judge(unbounded, DIGITS, 0.05).text
    full = replace(DIGITS, recipe=replace(DIGITS.recipe, batch_size=0))
    assert judge(rows(FLAT, FLAT), full, 0.05).seeds == 1  # all the same training


def test_rewound_tickets_are_refused() -> None:
    ticket = replace(random_ticket(DIGITS, 5000, np.random.default_rng(0)), info={"rewind": 3})
    with pytest.raises(NetsError, match="of step 3"):
        verify(ticket, DIGITS, [1, 2], SerialMap())


def test_dense_and_ticket_start_from_the_same_weights() -> None:
    ticket = random_ticket(DIGITS, 5000, np.random.default_rng(0))
    told: list[dict[str, Any]] = []
    verdict, trained = verify(ticket, DIGITS, [1, 2], SerialMap(), on_row=told.append)
    assert trained == told
    assert [row["network"] for row in trained] == 2 * list(NETWORKS)
    densities = {row["network"]: row["density"] for row in trained}
    assert densities.pop(DENSE) == 1
    assert set(densities.values()) == {ticket.density}
    assert verdict.seeds == 2
    again, _ = verify(ticket, DIGITS, [1, 2], SerialMap())
    assert again == verdict
    with pytest.raises(ValueError, match="two seeds"):
        verify(ticket, DIGITS, [1], SerialMap())


def verdict_of(told: dict[str, Any]) -> bool | None:
    return {WINNING: True, NOT_WINNING: False}.get(told["verdict"])


@pytest.mark.parametrize(
    "given", [["--seeds", "2"], ["--seeds=2"], [], ["--seeds", "2", "--seeds=3"]], ids=str
)
def test_advice_is_a_command_that_can_be_copied(given: list[str], capsys: Any) -> None:
    mixed = judge(rows(FLAT, [(90, 0.91), (190, 0.90), (290, 0.96)]), DIGITS, 0.05)
    alike = judge(rows(FLAT, [(90, 0.91), (190, 0.90), (290, 0.95)]), DIGITS, 0.05)  # +1, −2, +1 points
    with click.Context(click.Command("nets-deap"), obj=["verify", "a ticket", *given, "--epochs", "3"]):
        verify_command._advise(mixed)
        verify_command._advise(alike)
    line, command, *rest = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{mixed.enough_seeds} seeds would probably decide")
    words = ["nets-deap", "verify", "a ticket", "--epochs", "3", "--seeds", str(mixed.enough_seeds)]
    assert shlex.split(command) == words
    with click.Context(click.Command("nets-deap"), obj=["verify", *given, "--", "a ticket"]):
        assert again.command(seeds=7) == "nets-deap verify --seeds 7 -- 'a ticket'"
    assert "not even 1,000 seeds" in rest[0]
    assert "--margin" in rest[0]


def test_the_command(cli: Any) -> None:
    small = ("--data-limit", 200, "--epochs", 2)
    assert cli("search", "snip", "--density", "0.1", *small, "--out", "s", "--quiet").code == 0
    ran = cli("verify", "s", *small, "--seeds", 2, "--map", "serial", "--out", "v")
    assert ran.code == 0
    assert "verdict: " in ran.out
    assert len(pd.read_csv("v/verify.csv")) == 2 * len(NETWORKS)
    assert json.loads(Path("v/verdict.json").read_text(encoding="utf-8"))["seeds"] == 2
    text = Path("v/verify.csv").read_text(encoding="utf-8")
    Path("v/verify.csv").write_text(
        "".join(text.splitlines(keepends=True)[:4]), encoding="utf-8"
    )  # as if interrupted
    again = cli("verify", "s", *small, "--seeds", 2, "--map", "serial", "--out", "v")
    assert again.out.splitlines()[-1] == ran.out.splitlines()[-1]
    assert Path("v/verify.csv").read_text(encoding="utf-8") == text
    assert again.out.count("training ") == 2 * len(NETWORKS) - 3
    cli("verify", "s", *small, "--seeds", 3, "--map", "serial", "--out", "v")
    fewer = cli("verify", "s", *small, "--seeds", 2, "--map", "serial", "--out", "v")  # takes nothing away
    assert fewer.out.splitlines()[-1] == ran.out.splitlines()[-1]
    assert len(pd.read_csv("v/verify.csv")) == 3 * len(NETWORKS)
    other = cli("verify", "s", *small, "--lr", "0.1", "--out", "v")
    assert (other.code, "a verdict with" in other.err) == (2, True)
    cli("search", "random", "--density", "0.1", *small, "--out", "r", "--quiet")
    other = cli("verify", "r", *small, "--out", "v")
    assert (other.code, "another ticket" in other.err) == (2, True)
    beside = cli("verify", "s", *small, "--seeds", 2, "--map", "serial", "--exit-code", "--json")
    told = json.loads(beside.out)
    assert beside.code == {None: 4, False: 3, True: 0}[verdict_of(told)]
    assert Path(told["folder"]).parent == Path("s")
    more = cli("verify", "s", *small, "--seeds=3", "--map", "serial", "--margin", 1, "--json")
    assert json.loads(more.out)["folder"] == told["folder"]
    assert told["accuracy_beside"].keys() == set(NETWORKS) - {TICKET}
    wrong = cli("verify", "s", "--seeds", 1)
    assert (wrong.code, wrong.out) == (2, "")
    assert "--seeds 1: Input should be greater than or equal to 2" in wrong.err
