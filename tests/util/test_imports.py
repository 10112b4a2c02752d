"""What a user names as module:function is what the module holds now, after a reload too."""

import sys
from collections.abc import Callable
from importlib import import_module, reload
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nets_deap.evolution.fitness import load_fitness
from nets_deap.problem.problem import Problem
from nets_deap.util import imports

MODULE = """
import numpy as np
from torch import nn

NUMBER = {number}

def model(outputs):
    return nn.Sequential(nn.Flatten(), nn.Linear(4, NUMBER), nn.ReLU(), nn.Linear(NUMBER, outputs))

def wide(outputs, factor):
    return nn.Sequential(nn.Flatten(), nn.Linear(4, NUMBER * factor), nn.Linear(NUMBER * factor, outputs))

def data():
    return np.full((60, 4), NUMBER, dtype=np.float32), np.arange(60) % 3

def loss(outputs, targets):
    return nn.functional.cross_entropy(outputs, targets, reduction="none") * NUMBER

def metric(outputs, y):
    return NUMBER

def prunable(name, parameter):
    return name == ("1.weight" if NUMBER == 5 else "3.weight")

def fitness(evaluation, genome):
    return NUMBER
"""


def written(number: int) -> None:
    Path("reloaded.py").write_text(MODULE.format(number=number), encoding="utf-8")
    module = reload(sys.modules["reloaded"]) if "reloaded" in sys.modules else import_module("reloaded")
    assert number == module.NUMBER


def problem(**given: Any) -> Problem:
    return Problem(dataset="reloaded:data", arch="reloaded:model", **given)


def of_loss() -> float:
    loss = problem(loss="reloaded:loss").architecture.criterion.loss
    one = loss(torch.zeros(1, 3), torch.zeros(1, dtype=torch.long))
    return round(float(one) / np.log(3))


def of_metric() -> float:
    metric = problem(metric="reloaded:metric:least").architecture.criterion.metric
    return metric.of_outputs(torch.zeros(1, 3), torch.zeros(1, dtype=torch.long))


def of_arguments() -> float:
    wide = Problem(dataset="reloaded:data", arch="reloaded:wide:factor=2")
    return wide.layout.shapes[0][0] / 2


# What takes a name -> the number of the module whose function counts
NUMBERS: dict[str, Callable[[], float]] = {
    "dataset": lambda: float(problem().data.train.x.max()),
    "model": lambda: problem().layout.shapes[0][0],
    "model with arguments": of_arguments,
    "loss": of_loss,
    "metric": of_metric,
    "prunable": lambda: {"1": 5, "3": 12}[problem(prunable="reloaded:prunable").layout.names[0]],
    "fitness": lambda: load_fitness("reloaded:fitness")(None, None),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("what", NUMBERS)
def test_after_a_reload_the_new_function_counts(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path.cwd()))
    monkeypatch.delitem(sys.modules, "reloaded", raising=False)
    for number in (5, 12, 5):
        written(number)
        assert NUMBERS[what]() == number


def test_without_a_reload_nothing_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path.cwd()))
    monkeypatch.delitem(sys.modules, "reloaded", raising=False)
    written(5)
    assert problem().data is problem().data
    assert problem().architecture is problem().architecture


class Unhashable:
    __hash__ = None  # type: ignore[assignment]

    def __call__(self) -> int:
        return 7


unhashable = Unhashable()


def test_what_a_name_stands_for_need_not_be_hashable() -> None:
    calls: list[str] = []

    @imports.cached(1, lambda name: {"model": name})
    def made(name: str) -> int:
        calls.append(name)
        return int(imports.function(name, "model")())

    assert [made(f"{__name__}:unhashable"), made(f"{__name__}:unhashable")] == [7, 7]
    assert len(calls) == 1
