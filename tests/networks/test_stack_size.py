from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from nets_deap.evolution.evaluator import Evaluator
from nets_deap.networks import backends
from nets_deap.networks.stack_size import DEVICE_SHARE, HOST_MEMORY, chunk_size, in_chunks, usable_memory
from nets_deap.networks.stacked_mlp import StackedMLP
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.util.errors import NetsError
from tests.networks.test_stacks import XOR, assert_close, population, problem_of


class Small(StackedMLP):
    """A network on a device that holds so many."""

    room = 2
    asked: list[int]

    def __init__(self, architecture: Any, weights: Any, *arguments: Any) -> None:
        self.asked.append(len(weights))
        if len(weights) > self.room:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        super().__init__(architecture, weights, *arguments)


def test_a_chunk_that_runs_out_of_memory_is_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    evaluator, genomes = Evaluator(XOR, dtype=torch.float64), population(XOR, [0.5] * 9)
    whole = evaluator.evaluate_all(genomes)
    monkeypatch.setattr(Small, "asked", [], raising=False)
    monkeypatch.setattr(backends, "StackedMLP", Small)
    assert_close(evaluator.evaluate_all(genomes), whole, rtol=1e-9)
    assert Small.asked == [9, 4, 2, 2, 2, 2, 1]


def test_one_genome_that_does_not_fit_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Small, "asked", [], raising=False)
    monkeypatch.setattr(Small, "room", 0)
    monkeypatch.setattr(backends, "StackedMLP", Small)
    with pytest.raises(NetsError, match="does not hold the training of one genome") as raised:
        Evaluator(XOR).evaluate_all(population(XOR))
    assert "\n" not in str(raised.value)
    assert Small.asked == [4, 2, 1]


def test_other_errors_are_not_taken_for_want_of_memory() -> None:
    with pytest.raises(ZeroDivisionError):
        in_chunks(lambda chunk: [1 / item for item in chunk], [1, 0], 2)


def predicted(memory: int, recipe: Recipe = XOR.recipe, problem: Problem = XOR, **options: Any) -> int:
    dtype = options.get("dtype", torch.float32)
    return chunk_size(memory, problem.architecture, recipe, problem.data, dtype)


def test_chunks_grow_with_memory_and_shrink_with_what_needs_it() -> None:
    sizes = [predicted(memory) for memory in (0, 10**6, 10**7, 10**8, 10**9)]
    assert sizes[0] == 1
    assert sizes[1] < sizes[2] < sizes[3] < sizes[4]
    usual = predicted(10**9)
    assert predicted(10**9, dtype=torch.float64) < usual
    assert predicted(10**9, replace(XOR.recipe, batch_size=500)) < usual
    assert predicted(10**9, replace(XOR.recipe, batch_size=0)) < usual
    adam, momentum, sgd = (
        predicted(10**9, replace(XOR.recipe, optimizer=o)) for o in ("adam", "momentum", "sgd")
    )
    assert adam < momentum < sgd
    assert predicted(10**9, problem=problem_of("lenet-300-100", "sgd")) < usual


def test_the_data_set_takes_its_share_of_memory() -> None:
    lenet = problem_of("lenet-300-100", "sgd")
    data = lenet.data
    held = sum(part.x.nbytes + part.y.nbytes for part in (data.train, data.validation, data.test))
    assert predicted(held, problem=lenet) == 1
    assert predicted(held + 10**8, problem=lenet) > 1


def test_a_gpu_lends_a_share_of_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    properties = SimpleNamespace(total_memory=10**10)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    assert usable_memory("cuda") == int(DEVICE_SHARE * 10**10)
    assert usable_memory("cpu") == HOST_MEMORY
