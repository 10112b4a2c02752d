"""A training that is interrupted and goes on gives what it would have given in one piece, to the last bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from nets_deap.front.problems import problem_of
from nets_deap.problem.optimizer import REFUSED, _kinds
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.search.random_ticket import random_ticket
from nets_deap.training.final import TrainingRun, train_ticket
from nets_deap.training.standing import Kept, Standing
from nets_deap.util.errors import DamagedError, NetsError

HERE = Path("where-it-stands")


def dropped(momentum: float | None = 0.1) -> nn.Module:
    norm = nn.BatchNorm1d(12, momentum=momentum)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 12), norm, nn.ReLU(), nn.Dropout(0.3), nn.Linear(12, 10))


def digits(arch: str, recipe: Recipe) -> Problem:
    return Problem("digits", arch, recipe, data_limit=130)


PROBLEMS = {
    "compiled kernels": lambda: digits("mlp-100", Recipe("sgd", 0.1, 16, epochs=3)),
    "momentum": lambda: digits("mlp-100", Recipe("momentum", 0.05, 16, epochs=3, schedule="cosine", clip=1)),
    "all in one batch": lambda: digits("mlp-100", Recipe("adam", 0.01, 0, epochs=18)),
    "a part of the data": lambda: digits("mlp-100", Recipe("adam", 0.01, 16, epochs=3, data_fraction=0.7)),
    "convolutions, shifted images": lambda: digits(
        "cnn-8-16", Recipe("sgd:momentum=0.9,weight_decay=1e-3", 0.05, 16, epochs=3, augment=True)
    ),
    "normalisation and dropout": lambda: problem_of(dropped, "digits", recipe=RECIPE),
    "minibatches counted": lambda: problem_of(lambda: dropped(None), "digits", recipe=RECIPE),
}
RECIPE = Recipe("adamw", 0.01, 128, epochs=3, schedule="linear")
OPTIMIZERS = sorted(set(_kinds().values()) - set(REFUSED))


def interrupted(problem: Problem, density: float, after: int, every: int) -> tuple[TrainingRun, TrainingRun]:
    """A training in one piece, and one that was interrupted after so many evaluations."""
    size = problem.layout.size
    ticket = random_ticket(problem, round(density * size), np.random.default_rng(0))
    whole = train_ticket(ticket, problem, seed=1, eval_every=every)
    seen = []

    def stop(standing: Standing) -> None:
        kept.note(standing)
        seen.append(standing.step)
        if len(seen) == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Kept(HERE, "this one") as kept:
        train_ticket(ticket, problem, seed=1, eval_every=every, on_standing=stop)
    begun = Kept(HERE, "this one").load()
    assert begun is not None
    assert begun.step == seen[-1] < whole.rows[-1]["iteration"]
    torch.manual_seed(99)  # whatever the process has drawn meanwhile
    return whole, train_ticket(ticket, problem, seed=1, eval_every=every, begun=begun)


def without_time(rows: list[dict[str, float]]) -> list[dict[str, float]]:
    return [{name: value for name, value in row.items() if name != "elapsed_s"} for row in rows]


def assert_same(whole: TrainingRun, again: TrainingRun) -> None:
    assert without_time(again.rows) == without_time(whole.rows)
    for name in ("weights", "extras", "early_stop_weights", "early_stop_extras"):
        np.testing.assert_array_equal(getattr(again, name), getattr(whole, name), err_msg=name)
    assert again.test == whole.test
    assert all(a["elapsed_s"] <= b["elapsed_s"] for a, b in zip(again.rows, again.rows[1:], strict=False))


@pytest.mark.parametrize("every", [0, 3])
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_same_in_two_pieces(name: str, every: int) -> None:
    assert_same(*interrupted(PROBLEMS[name](), 0.2, after=2 if every == 0 else 5, every=every))


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_with_every_optimiser(kind: str) -> None:
    recipe = Recipe(kind.lower(), 0.01, 16, epochs=3)
    assert_same(*interrupted(digits("mlp-10", recipe), 0.5, after=1, every=0))


def test_the_early_stop_before_an_interruption_is_kept() -> None:
    problem = digits("mlp-100", Recipe("adam", 1.0, 16, epochs=16))
    whole, again = interrupted(problem, 0.5, after=14, every=0)
    assert whole.early_stop["epoch"] < 14
    assert_same(whole, again)


def standing() -> Standing:
    rows = [{"iteration": 3, "val_loss": float("nan")}, {"iteration": 6, "val_loss": 0.5}]
    none = np.zeros(2, dtype=np.float32)
    return Standing(6, rows, none, (none, none), {}, {})


def test_what_is_written_is_read() -> None:
    standing().save(HERE, "this one")
    found = Standing.load(HERE, "this one")
    assert (found.step, found.best(), str(found.rows)) == (6, 0.5, str(standing().rows))


def test_another_training_and_another_file_are_refused() -> None:
    standing().save(HERE, "this one")
    with pytest.raises(NetsError, match="holds another training, which is unfinished"):
        Standing.load(HERE, "that one")
    content: Any = bytearray(HERE.read_bytes())
    content[-1] ^= 1
    HERE.write_bytes(content)
    with pytest.raises(DamagedError, match="is damaged"):
        Standing.load(HERE, "this one")


def test_another_layout_is_refused() -> None:
    problem = digits("mlp-10", Recipe("adam", 0.01, 16))
    ticket = random_ticket(problem, 100, np.random.default_rng(0))
    with pytest.raises(NetsError, match="began on another `device`, or without the compiled kernels"):
        train_ticket(ticket, problem, 1, begun=standing())
