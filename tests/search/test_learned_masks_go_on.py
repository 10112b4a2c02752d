"""A search that trains scores, interrupted anywhere, ends as in one piece, to the last bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from torch import nn

from nets_deap.config.run_folder import CHECKPOINT
from nets_deap.front.problems import problem_of
from nets_deap.problem.budget import Budget
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.problem.ticket import load_ticket
from nets_deap.runs import held
from nets_deap.search.learned_masks import LearnedMask
from nets_deap.search.method import Found
from nets_deap.search.registry import method_of, parse
from nets_deap.training.standing import Kept, Standing
from nets_deap.util import seldom
from tests.search.methods import timeless

HERE, STEPS = Path("where-it-stands"), 23
RECIPE = Recipe("sgd", 0.1, 20, epochs=1)
METHODS = (
    "edge-popup:signed=no,scaled=no",
    "gem-miner:rounds=7",
    "cts",
    "cts:rewind=3,optimizer=momentum",
    "cts:balance=one-sided",
)


def dropped() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4, momentum=None),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Flatten(),
        nn.Linear(144, 10),
    )


PROBLEMS = {
    "a perceptron": lambda: Problem("digits", "mlp-100", RECIPE, data_limit=130),
    "normalised, shifted images": lambda: Problem(
        "digits", "wrn-10-1", Recipe("sgd", 0.1, 20, augment=True), data_limit=130
    ),
    "dropout, minibatches counted": lambda: problem_of(dropped, "digits", recipe=RECIPE),
}


def searched(
    text: str,
    problem: Problem,
    begun: Standing | None = None,
    stop_at: int = 0,
    budget: Budget = Budget(),  # noqa: B008
) -> Found:
    """stop_at: the look, every five steps, at which it is interrupted."""
    looks = []

    def on_standing(standing: Standing) -> None:
        kept.note(standing)
        looks.append(standing.step)
        if len(looks) == stop_at:
            raise KeyboardInterrupt

    method = method_of(parse(f"{text}{',' if ':' in text else ':'}iterations={STEPS}"))
    assert isinstance(method, LearnedMask)
    with Kept(HERE, text) as kept:
        return method(problem, budget, np.random.default_rng(5), 0.1, begun=begun, on_standing=on_standing)


def assert_same(found: Found, whole: Found) -> None:
    for name in ("mask", "weights", "extras"):
        np.testing.assert_array_equal(getattr(found.ticket, name), getattr(whole.ticket, name), err_msg=name)
    assert [*map(timeless, found.logbook)] == [*map(timeless, whole.logbook)]
    assert (found.cost.gradient_steps, found.cost.samples, found.cost.forward_passes) == (
        whole.cost.gradient_steps, whole.cost.samples, whole.cost.forward_passes,
    )  # fmt: skip


@pytest.mark.parametrize("text", METHODS)
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_same_in_pieces(text: str, name: str) -> None:
    problem = PROBLEMS[name]()
    whole, begun = searched(text, problem), None
    for stop_at, step in ((1, 5), (2, 15)):
        with pytest.raises(KeyboardInterrupt):
            searched(text, problem, begun, stop_at)
        begun = Kept(HERE, text).load()
        assert begun is not None
        assert begun.step == step
    assert_same(searched(text, problem, begun), whole)


def test_from_the_end_it_only_scores_the_ticket() -> None:
    problem = PROBLEMS["a perceptron"]()
    whole = searched("cts", problem)
    with pytest.raises(KeyboardInterrupt):
        searched("cts", problem, stop_at=6)  # 5, 10, 15, 20, 23 and the end
    begun = Kept(HERE, "cts").load()
    assert begun is not None
    assert begun.step == STEPS
    assert_same(searched("cts", problem, begun), whole)


def test_seconds_that_are_spent_are_spent_when_it_goes_on() -> None:
    problem = PROBLEMS["a perceptron"]()
    with pytest.raises(KeyboardInterrupt):
        searched("edge-popup", problem, stop_at=2)
    begun = Kept(HERE, "edge-popup").load()
    assert begun is not None
    begun.told["cost"]["seconds"] = 3600.0
    found = searched("edge-popup", problem, begun, budget=Budget(seconds=3600.0))
    assert found.cost.gradient_steps == found.logbook[-1]["step"] == 10
    assert 3600 < found.cost.seconds < 3660


@pytest.mark.parametrize("method", ["gem-miner:rounds=3", "cts"])
def test_in_its_folder(method: str, cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ("search", method, "--data-limit", 200, "--batch-size", 10, "--density", 0.1, "--quiet", "--out")
    assert cli(*asked, "whole").code == 0
    monkeypatch.setattr(seldom, "OFTEN", -1.0)
    monkeypatch.setattr(seldom, "SHARE", 1e9)
    note, notes = Kept.note, []

    def noted(kept: Kept, standing: Standing) -> None:
        note(kept, standing)
        notes.append(standing.step)
        if len(notes) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(Kept, "note", noted)
    cut = cli(*asked, "cut")
    assert cut.code == 130
    assert cut.err.startswith("interrupted; its iterations but those of the last seconds are saved: ")
    assert notes == [5, 10, 15]
    assert held(Path("cut")).state == "unfinished"
    assert cli(*asked, "cut", "--seed", 2).code == 2  # another search does not take it over
    ran = cli(*asked, "cut")
    assert (ran.code, notes[3]) == (0, 20)
    for name in ("whole", "cut"):
        assert Path(name, CHECKPOINT).exists()
    tickets = [load_ticket(f"{name}/ticket.safetensors") for name in ("whole", "cut")]
    np.testing.assert_array_equal(tickets[0].mask, tickets[1].mask)
    books = [pd.read_csv(f"{name}/logbook.csv").drop(columns="elapsed_s") for name in ("whole", "cut")]
    pd.testing.assert_frame_equal(*books)
    costs = [json.loads(Path(name, "cost.json").read_text(encoding="utf-8")) for name in ("whole", "cut")]
    assert costs[0] | {"seconds": 0} == costs[1] | {"seconds": 0}


def test_what_is_damaged_says_so(cli: Any) -> None:
    asked = ("search", "edge-popup", "--data-limit", 200, "--density", 0.1, "--quiet", "--out", "run")
    assert cli(*asked).code == 0
    kept = Path("run", CHECKPOINT)
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")
    ran = cli(*asked)
    assert ran.code == 2
    assert "is damaged" in ran.err
    assert "begin anew by --fresh" in ran.err
