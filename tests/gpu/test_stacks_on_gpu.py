"""Stacks on a GPU give what a CPU gives, but for rounding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from nets_deap.evolution.evaluator import Evaluator
from nets_deap.networks import recorded
from nets_deap.networks.backends import make_stack
from tests.conftest import needs_gpu
from tests.networks.test_stacks import assert_close, cases, population, problem_of

TOLERANCES = {"float32": 1e-4, "tf32": 1e-2, "bf16": 2e-2}  # of the validation loss


@needs_gpu
@cases
def test_equal_on_a_gpu_in_float64(model: str, optimizer: str) -> None:
    problem = problem_of(model, optimizer)
    genomes = population(problem)
    ours = Evaluator(replace(problem, device="cuda"), dtype=torch.float64).evaluate_all(genomes)
    theirs = Evaluator(problem, dtype=torch.float64)
    assert_close(ours, [theirs.evaluate(genome) for genome in genomes], rtol=1e-9)


@needs_gpu
@pytest.mark.parametrize("precision", ["float32", "tf32", "bf16"])
@cases
def test_a_recorded_step_is_the_step(
    model: str, optimizer: str, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = problem_of(model, optimizer)
    genomes, data = population(problem), problem.data.to("cuda", torch.float32)
    weights, masks = [genome.weights for genome in genomes], [genome.mask for genome in genomes]
    targets = problem.architecture.targets(data.train.y, torch.float32)
    ends = []
    for after in (1000, 2):
        monkeypatch.setattr(recorded, "RECORD_AFTER", after)
        network = make_stack(
            problem.architecture, weights, masks, problem.recipe, "cuda", precision=precision
        )
        rng = np.random.default_rng(0)
        for size in (6, 6, 4) * 4:
            network.step(data.train.x, targets, rng.permutation(len(targets))[:size])
        assert [source.recording is not None for source in network._recorder._sources.values()] == [
            after == 2
        ] * 2
        ends.append((network.outputs.clone(), network.weights()))
    assert torch.equal(ends[0][0], ends[1][0])
    assert (ends[0][1] == ends[1][1]).all()


@needs_gpu
@pytest.mark.parametrize("precision", TOLERANCES)
@cases
def test_close_on_a_gpu_in_every_precision(model: str, optimizer: str, precision: str) -> None:
    problem = problem_of(model, optimizer)
    genomes = population(problem)
    ours = Evaluator(replace(problem, device="cuda"), precision=precision).evaluate_all(genomes)
    theirs = [Evaluator(problem).evaluate(genome) for genome in genomes]
    rtol = (10 if optimizer == "adam" else 1) * TOLERANCES[precision]  # Adam turns tiny gradients into steps
    np.testing.assert_allclose([e.val_loss for e in ours], [e.val_loss for e in theirs], rtol=rtol)
