"""What a user may get wrong in Python: one line each."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import nets_deap as nd
from nets_deap.util.errors import NetsError, NetsWarning
from tests.conftest import streams_stay
from tests.front.own import RECIPE, Tokens, X, Y, find, loss, make


def test_an_argument_that_nobody_takes_is_one_line() -> None:
    with pytest.raises(NetsError, match=r"argument 'generations'.* method='nets:pop=1,gens=9'"):
        nd.find_ticket(make, (X, Y), generations=3)
    with pytest.raises(NetsError, match="did you mean 'loss'"):
        nd.compare(make, (X, Y), "snip", 0.3, los="mse")


class Lazy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.LazyLinear(3)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.flatten(1))


class Remembers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 3)
        self.last = torch.zeros(3)

    def forward(self, x: Tensor) -> Tensor:
        out = self.layer(x.flatten(1)) + self.last
        self.last = out.detach().mean(0)
        return out


class Counts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 3)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.layer(x.flatten(1))


def raises() -> nn.Module:
    raise RuntimeError("no weights on this disk")


BAD_MODELS = {
    "lazy": (Lazy, "Lazy: the shape of layer.weight is not settled: give its lazy layer its sizes"),
    "nothing to prune": (lambda: nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64)), "has no prunable weight"),
    "keeps a state": (Remembers, "puts out something else when it is called again|cannot be copied"),
    "counts its calls": (Counts, "a forward pass in evaluation changes calls"),
    "another shape": (
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 2)),
        "puts out 2 numbers, and there are 3 classes: change its last layer",
    ),
    "other samples": (lambda: nn.Linear(5, 3), "cannot take 2 samples, each \\[1, 8, 8\\] of float32"),
    "raises": (raises, "the model .*:raises raised RuntimeError: no weights on this disk"),
    "no module": (lambda: "net", "returned str, expected a torch.nn.Module"),
    "a number": (7, "the model is int, expected a torch.nn.Module or what returns one"),
    "a tuple": (lambda: nn.LSTM(8, 3, batch_first=True), "cannot take 2 samples|puts out tuple"),
    "complex": (lambda: nn.Linear(64, 3, dtype=torch.complex64), "weight is complex"),
}


@pytest.mark.parametrize("name", BAD_MODELS)
def test_a_module_that_cannot_work_is_one_line(name: str) -> None:
    model, says = BAD_MODELS[name]
    with streams_stay(), pytest.raises(NetsError, match=says) as raised:
        find(model=model)
    assert "\n" not in str(raised.value)


BAD_PROBLEMS = {
    "numbers as classes": ({"loss": "cross-entropy", "data": (X, Y * 1.0)}, "cross-entropy wants classes"),
    "accuracy of numbers": ({"metric": "accuracy", "data": (X, Y * 1.0)}, "`metric` accuracy wants classes"),
    "three classes": ({"loss": "binary"}, "binary is for two classes, and there are 3"),
    "a mean": ({"loss": lambda o, t: loss(o, t).mean()}, "return one number per sample"),
    "unknown optimiser": ({"recipe": {"optimizer": "adamm"}}, "did you mean 'adam'"),
    "an argument of it": ({"recipe": {"optimizer": "sgd:momentun=0.9"}}, "torch refuses this"),
    "a field of a recipe": ({"recipe": {"learning_rate": 0.1}}, "unknown field of a recipe 'learning_rate'"),
    "a density": ({"density": 1.5}, "`density` 1.5: expected a share above 0"),
    "no ticket": ({"method": "rigl"}, "rigl gives no ticket of its own"),
    "a device": ({"device": "tpu"}, "unknown device 'tpu'"),
    "no cuda": ({"device": "cuda"}, "`device` cuda: this machine has no usable CUDA device"),
    "a device of another kind": ({"device": 1}, "`device` 1: expected a name"),
    "a prunable": ({"prunable": "embedings"}, "did you mean 'embeddings'"),
    "no data": ({"data": None}, "there are no data"),
    "a problem, and more": (
        {"model": nd.Problem("digits"), "data": None, "loss": "mse"},
        "a Problem has its own data, loss, metric",
    ),
    "numbers that are classes": ({"data": nd.Data.of((X, Y * 2)), "loss": "mse"}, "give them as floats"),
    "a direction": ({"metric": (max, "fewest")}, "unknown direction of a metric 'fewest'"),
    "a number as a metric": ({"metric": 5}, "`metric` 5: expected a name, or a function"),
    "a number as a loss": ({"loss": 5}, "`loss` 5: expected a name, or a function"),
    "a number as a recipe": ({"recipe": 5}, "`recipe` 5: expected a Recipe, or a dictionary"),
    "a number as a method": ({"method": 5}, "`method` 5: expected the name of a method"),
    "a word as a budget": ({"budget": "x"}, "`budget` 'x': expected a Budget, or the most gradient steps"),
    "a word as a seed": ({"seed": "x"}, "`seed` 'x': expected a whole number"),
    "no epochs": ({"recipe": {"epochs": -1}}, "`epochs` -1: Input should be greater than or equal to 0"),
    "no rate": ({"recipe": nd.Recipe(lr=-1)}, "`lr` -1: Input should be greater than 0"),
    "an argument of a loss": ({"loss": "mse:x=1"}, "unknown argument of the loss mse 'x': known are none"),
}


@pytest.mark.parametrize("name", BAD_PROBLEMS)
def test_a_problem_that_does_not_fit_together_is_one_line(name: str) -> None:
    options, says = BAD_PROBLEMS[name]
    options = {"recipe": RECIPE, "data": (X, Y), "model": make, "density": 0.3, "method": "snip"} | options
    with pytest.raises(NetsError, match=says):
        nd.find_ticket(options.pop("model"), options.pop("data"), show=False, **options)


@pytest.mark.parametrize("part", ["train", "validation", "test"])
@pytest.mark.parametrize("unknown", [-1, 10])
def test_token_ids_that_a_network_does_not_know_are_told_before_the_search(part: str, unknown: int) -> None:
    rng = np.random.default_rng(0)
    parts = {
        name: (rng.integers(0, 10, (30, 4)), np.arange(30) % 3) for name in ("train", "validation", "test")
    }
    find(model=Tokens, data=parts)
    parts[part][0][7, 2] = unknown
    says = "training" if part == "train" else part
    with pytest.raises(NetsError, match=f"index out of range .*the {says} samples hold numbers from"):
        find(model=Tokens, data=parts)


@pytest.mark.parametrize("seeds", [1, [], [3, 3], [1, -1], "ab", [1.5, 2.5]])
def test_seeds_that_make_no_verdict_are_told(seeds: object) -> None:
    with pytest.raises(NetsError, match=r"`seeds` .*expected how many"):
        nd.verify(find(), make, (X, Y), seeds=seeds, recipe=RECIPE)


def test_one_hot_targets_are_told_of_unless_a_loss_says_that_they_are_numbers() -> None:
    rng = np.random.default_rng(0)
    x, one_hot = (
        rng.standard_normal((90, 4), dtype=np.float32),
        np.eye(3, dtype=np.float32)[np.arange(90) % 3],
    )
    told = r"floats \[n, 3\], are one-hot .* a regression, by mse; y.argmax\(1\) gives one class"
    with pytest.warns(NetsWarning, match=told):
        problem = nd.problem_of("mlp:4-5-3", (x, one_hot))
    assert str(problem.architecture.criterion.metric) == "r2"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nd.problem_of("mlp:4-5-3", (x, one_hot), loss="mse")
        nd.problem_of("mlp:4-5-3", (x, one_hot.argmax(1)))
        nd.problem_of("mlp:4-5-3", (x, one_hot + one_hot[::-1]))
