"""The GPU's kernels: on a GPU where there is one, else in Triton's interpreter, which runs the same code."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from nets_deap.networks.fused_mlp import FusedMLP, _triton_works
from nets_deap.networks.stacked_mlp import StackedMLP
from nets_deap.problem.recipe import Recipe
from tests.networks.test_stacks import population, problem_of

pytestmark = pytest.mark.gpu
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
# Earlier interpreters do not take these kernels
pytest.importorskip("triton", minversion="3.6" if DEVICE == "cpu" else None)
# nets, rows, depth, samples: one that fits its tiles, and others that fill them in part
SIZES = [(2, 16, 16, 16), (3, 20, 50, 64), (1, 130, 100, 64), (2, 10, 100, 48), (1, 1, 2, 80)]
sizes = pytest.mark.parametrize(("nets", "rows", "depth", "samples"), SIZES)
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def kernels() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        if DEVICE == "cpu":
            patch.setenv("TRITON_INTERPRET", "1")
        from nets_deap.networks.kernels import triton_mlp

        yield importlib.reload(triton_mlp)


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape))).to(DEVICE)


@sizes
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("relu", [False, True])
def test_forward(
    kernels: Any, nets: int, rows: int, depth: int, samples: int, shared: bool, relu: bool
) -> None:
    w = normal(nets, rows, depth)
    x = (
        normal(samples, depth).t()[None].expand(nets, depth, samples)
        if shared
        else normal(nets, depth, samples)
    )
    z = torch.full((nets, rows, samples), torch.nan, device=DEVICE)
    kernels.forward(w, x, z, relu, "tf32x3")
    expected = w.double() @ x.double()
    expected = expected.relu() if relu else expected
    torch.testing.assert_close(z.double(), expected, rtol=TOLERANCE, atol=TOLERANCE * depth**0.5)


@sizes
def test_backward(kernels: Any, nets: int, rows: int, depth: int, samples: int) -> None:
    w, error, hidden = (
        normal(nets, rows, depth),
        normal(nets, rows, samples),
        normal(nets, depth, samples).relu(),
    )
    below = torch.full_like(hidden, torch.nan)
    kernels.backward(w, error, hidden, below, "tf32x3")
    expected = (w.double().mT @ error.double()) * (hidden > 0)
    torch.testing.assert_close(below.double(), expected, rtol=TOLERANCE, atol=TOLERANCE * rows**0.5)


@sizes
@pytest.mark.parametrize("factors", ["tf32x3", "tf32", "bf16"])
def test_update(kernels: Any, nets: int, rows: int, depth: int, samples: int, factors: str) -> None:
    w, error, x = normal(nets, rows, depth), normal(nets, rows, samples), normal(nets, depth, samples)
    mask = normal(nets, rows, depth) > 0.5
    expected = (w.double() - 0.1 * error.double() @ x.double().mT) * mask
    kernels.update(w, mask, error, x, 0.1, factors)
    if factors == "bf16" and DEVICE == "cpu":
        pytest.skip("Triton's interpreter computes no bfloat16")
    tolerance = {"tf32x3": TOLERANCE, "tf32": 2e-3, "bf16": 1e-2}[factors]
    torch.testing.assert_close(w.double(), expected, rtol=tolerance, atol=tolerance * samples**0.5)
    assert (w[~mask] == 0).all()


def test_update_of_four_weights(kernels: Any) -> None:
    w = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]], device=DEVICE)
    mask = torch.tensor([[[True, False], [True, True]]], device=DEVICE)
    error, x = torch.zeros(1, 2, 16, device=DEVICE), torch.zeros(1, 2, 16, device=DEVICE)  # one sample
    error[0, :, 0] = torch.tensor([1.0, 2.0])
    x[0, :, 0] = torch.tensor([10.0, 20.0])
    kernels.update(w, mask, error, x, 0.5, "tf32x3")
    assert w.tolist() == [[[1 - 5, 0], [3 - 10, 4 - 20]]]


@pytest.mark.slow  # Triton's interpreter takes its time; a GPU runs the same test at once
def test_a_fused_step_is_that_of_the_stack(kernels: Any) -> None:
    problem = replace(problem_of("lenet-300-100", "sgd"), recipe=Recipe("sgd", 0.5, 60))
    architecture = problem.architecture
    genomes, data = population(problem, (0.5, 0.2)), problem.data.to(DEVICE, torch.float32)
    targets = architecture.targets(data.train.y, torch.float32)
    weights, masks = [genome.weights for genome in genomes], [genome.mask for genome in genomes]
    stacks = [kind(architecture, weights, masks, problem.recipe, DEVICE) for kind in (FusedMLP, StackedMLP)]
    for chosen in (np.arange(60), np.arange(50, 110), np.arange(33)):
        for stack in stacks:
            stack.step(data.train.x, targets, chosen)
        torch.testing.assert_close(stacks[0].outputs, stacks[1].outputs, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(stacks[0].weights(), stacks[1].weights(), rtol=1e-4, atol=1e-6)
    assert (stacks[0].weights()[~np.stack(masks)] == 0).all()


def test_what_is_not_a_number_stays_so(kernels: Any) -> None:
    w, x = torch.full((1, 16, 16), torch.nan, device=DEVICE), torch.ones(1, 16, 16, device=DEVICE)
    z = torch.zeros_like(x)
    kernels.forward(w, x, z, True, "tf32x3")
    assert z.isnan().all()


def test_the_trial_of_triton_passes(kernels: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nets_deap.networks.kernels.triton_mlp", kernels, raising=False)
        assert all(_triton_works.__wrapped__(DEVICE, precision) for precision in ("float32", "tf32"))


def test_another_precision_is_refused() -> None:
    problem = problem_of("lenet-300-100", "sgd")
    with pytest.raises(ValueError, match="no precision 'fp16'"):
        FusedMLP(problem.architecture, [], [], problem.recipe, DEVICE, precision="fp16")
