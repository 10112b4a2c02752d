"""Torch computes as in a new process, whatever the caller has set."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from nets_deap.data import loading
from nets_deap.evolution.evaluator import Evaluator
from nets_deap.individuals.genome import Genome
from nets_deap.problem.budget import UNLIMITED
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.problem.ticket import Ticket
from nets_deap.search.es import ES
from nets_deap.search.imp import IMP
from nets_deap.search.neuroevolution import Nets
from nets_deap.search.registry import METHODS, method_of, parse
from nets_deap.search.weedout import Weedout
from nets_deap.training.final import train_ticket
from nets_deap.util.random_streams import Role, generator
from nets_deap.util.threads import as_usual

SMALL = {
    ES: "pop=4,gens=1,batch=20,rounds=2",
    Nets: "pop=2,gens=1,epochs=1",
    Weedout: "pop=4,gens=1",
    IMP: "cycles=1,epochs=1",
}


def default(setting: Callable[[Any], None], value: Any, before: Any) -> AbstractContextManager[Any]:
    stack = ExitStack()
    setting(value)
    stack.callback(setting, before)
    return stack


STATES: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "float64": lambda: default(torch.set_default_dtype, torch.float64, torch.float32),
    "bfloat16": lambda: default(torch.set_default_dtype, torch.bfloat16, torch.float32),
    "another device": lambda: default(torch.set_default_device, "meta", None),
    "device block": lambda: torch.device("meta"),
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "products": lambda: default(torch.set_float32_matmul_precision, "medium", "highest"),
}

if hasattr(torch.backends.cudnn, "conv"):  # since torch 2.9

    def precision(place: Any) -> Callable[[], AbstractContextManager[Any]]:
        return lambda: default(partial(setattr, place, "fp32_precision"), "ieee", place.fp32_precision)

    places = {"convolutions": torch.backends.cudnn.conv, "all precisions": torch.backends}
    STATES |= {name: precision(place) for name, place in places.items()}


def genome(problem: Problem) -> Genome:
    rng = generator(1, 0, Role.INITIALISATION)
    weights = rng.normal(0, 0.1, problem.layout.size)
    return Genome(weights, rng.random(weights.size) < 0.5)


@pytest.mark.parametrize("arch", ["mlp-10", "cnn-8-16"])
@pytest.mark.parametrize("state", STATES)
def test_evaluation_and_training_do_not_depend_on_torchs_state(state: str, arch: str) -> None:
    problem = Problem("digits", arch, Recipe("adam", 1e-3, 60, iterations=3), data_limit=200)

    def results() -> list[Any]:
        one, evaluator = genome(problem), Evaluator(problem, traces=("movement", "gradient"))
        told = evaluator.evaluate(one)
        (stacked,) = evaluator.evaluate_all([one])
        run = train_ticket(Ticket(one.weights, one.mask, problem.architecture), problem, 1)
        return [told.val_loss, stacked.val_loss, run.rows[-1]["val_loss"], run.weights, *told.traces.values()]

    plain = results()
    loading.load.cache_clear()
    with STATES[state]():
        within = results()
    for one, other in zip(plain, within, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", [name for name, entry in METHODS.items() if entry.kind.gives_ticket])
def test_no_method_depends_on_torchs_state(name: str) -> None:
    few = {kind: text for kind, text in SMALL.items() if issubclass(METHODS[name].kind, kind)}
    problem = Problem("digits", "mlp-10", Recipe("adam", 1e-3, 60, iterations=2), data_limit=200)
    method = method_of(parse(":".join([name, *few.values()])))

    def found() -> Ticket:
        return method(problem, UNLIMITED, np.random.default_rng(1), 0.5).ticket

    plain = found()
    loading.load.cache_clear()
    with STATES["inference_mode"](), STATES["another device"]():
        within = found()
    np.testing.assert_array_equal(plain.weights, within.weights)
    np.testing.assert_array_equal(plain.mask, within.mask)


def test_convolutions_are_not_rounded_to_tf32() -> None:
    assert torch.backends.cudnn.allow_tf32, "torch's default"
    with as_usual():
        assert not torch.backends.cudnn.allow_tf32
    assert torch.backends.cudnn.allow_tf32


def test_transformers_are_scored_by_what_they_train_by() -> None:
    assert torch.backends.mha.get_fastpath_enabled(), "torch's default"
    with as_usual():
        assert not torch.backends.mha.get_fastpath_enabled()
    assert torch.backends.mha.get_fastpath_enabled()
