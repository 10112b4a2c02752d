"""The kernels for images against torch's functions: outputs, and the gradients of all inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from nets_deap.networks.interleaved.convolution import Sparse
from nets_deap.networks.interleaved.functions import entered, plain
from nets_deap.networks.interleaved.images import Context, Images
from nets_deap.networks.interleaved.layout import Arena
from nets_deap.networks.kernels import library
from tests.networks.interleaved import DTYPE, leaf, same

pytestmark = pytest.mark.skipif(not library.available(), reason="the kernels are not built")


@pytest.mark.parametrize("samples", [1, 16, 35])
@pytest.mark.parametrize("density", [0.0, 0.2, 1.0])
def test_dense_layers(samples: int, density: float, variant: str) -> None:
    mask = np.random.default_rng(0).random((7, 11)) < density
    x, dense, bias = leaf(samples, 11), leaf(7, 11, seed=2), leaf(7, seed=3)
    dense = (dense * torch.from_numpy(mask)).detach().requires_grad_()
    values = dense.detach()[torch.from_numpy(mask)].requires_grad_()
    weight = torch.full(mask.shape, torch.nan, dtype=DTYPE)
    with Context({id(weight): Sparse(mask, values)}, Arena(DTYPE)):
        out = plain(functional.relu(functional.linear(x, weight, bias)))
    expected = functional.linear(x, dense, bias).relu()
    torch.testing.assert_close(out, expected)
    error = leaf(*expected.shape, seed=4).detach()
    found = torch.autograd.grad(out, [x, values, bias], error)
    wanted = torch.autograd.grad(expected, [x, dense, bias], error)
    torch.testing.assert_close(found[0], wanted[0])
    torch.testing.assert_close(found[1], wanted[1][torch.from_numpy(mask)])
    torch.testing.assert_close(found[2], wanted[2])


@pytest.mark.parametrize("samples", [3, 16, 21])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("after", ["nothing", "relu", "sum", "sum and relu", "sum of two"])
def test_batch_normalisation(samples: int, affine: bool, after: str, variant: str) -> None:
    x, past = leaf(samples, 3, 5, 6), leaf(samples, 3, 5, 6, seed=1)
    parameters = [leaf(3, seed=2), leaf(3, seed=3)] if affine else []
    statistics: list[list[Tensor]] = []

    def normed(x: Any) -> Any:
        mean, var = torch.zeros(3, dtype=DTYPE), torch.ones(3, dtype=DTYPE)
        statistics.append([mean, var])
        weight, bias = parameters or (None, None)
        out = functional.batch_norm(x, mean, var, weight, bias, training=True, momentum=0.2)
        if "two" in after:
            out = out + functional.batch_norm(x * 2, mean.clone(), var.clone(), training=True)
        elif "sum" in after:
            out = out + (entered(x.context, past) if isinstance(x, Images) else past)
        return functional.relu(out) if "relu" in after else out

    leaves = [*parameters, *([past] if "sum" in after and "two" not in after else [])]
    same(normed, normed, x, leaves)
    for one, other in zip(*statistics, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("sides", [(6, 6), (7, 9), (2, 3)])
def test_pooling(sides: tuple[int, int], variant: str) -> None:
    x = (leaf(19, 3, *sides) * 2).round().detach().requires_grad_()  # with several largest in a window
    same(lambda x: functional.max_pool2d(x, 2), lambda x: functional.max_pool2d(x, 2), x, [])


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.mean((2, 3)),
        lambda x: functional.adaptive_avg_pool2d(x, 1).flatten(1),
        lambda x: functional.avg_pool2d(x, 6),
        lambda x: functional.avg_pool2d(x, 2),
        lambda x: torch.flatten(x, 1),
        lambda x: x.view(x.size(0), -1) * 2,
        lambda x: x + x,
        lambda x: 2 - x.relu() * x,
        lambda x: functional.max_pool2d(x, 3, 2, 1),
        lambda x: x[:, 1:].sigmoid(),
        lambda x: torch.cat([x, x], 1),
        lambda x: functional.pad(x, (1, 1)),
        lambda x: x.reshape(len(x), 2, -1).transpose(1, 2),
    ],
)
def test_whatever_a_module_may_do(function: Callable[[Any], Any]) -> None:
    same(function, function, leaf(18, 4, 6, 6), [])


def test_changes_in_place() -> None:
    def changed(x: Any) -> Any:
        y = functional.batch_norm(x, None, None, training=True)
        functional.relu(y, inplace=True)
        z = y + x
        z += y
        return z

    same(changed, changed, leaf(18, 4, 6, 6), [])


def test_missing_samples_do_not_count() -> None:
    """The arena of an earlier step is full of other numbers."""
    x = leaf(5, 3, 4, 4)
    context = Context({}, Arena(DTYPE))
    out = []
    for _ in range(2):
        context.arena.begin()
        with context:
            normed = functional.batch_norm(entered(context, x), None, None, training=True)
            out.append(plain(functional.relu(normed)).clone())
        for _, buffer in context.arena._buffers:
            buffer[..., 5:] = 1e9
    torch.testing.assert_close(*out)


@pytest.mark.parametrize("samples", [16, 21])
@pytest.mark.parametrize("stride", [1, 2])
def test_residual_blocks(samples: int, stride: int, variant: str) -> None:
    """Convolutions gather the sums of the normalisations beside them, and take errors through them."""
    rng = np.random.default_rng(0)
    masks = [rng.random((4, 4, 3, 3)) < 0.4 for _ in range(4)]
    dense = [
        torch.where(torch.from_numpy(mask), leaf(*mask.shape, seed=i), 0).detach().requires_grad_()
        for i, mask in enumerate(masks)
    ]
    bias, scales = leaf(4, seed=9), [leaf(4, seed=i) for i in range(10, 14)]

    def block(x: Any, weights: list[Tensor]) -> Any:
        def normed(x: Any, i: int, **kwargs: Any) -> Any:
            out = functional.conv2d(x, weights[i], bias if i == 1 else None, padding=1, **kwargs)
            return functional.batch_norm(out, None, None, scales[i], training=True)

        first = functional.relu(normed(x, 0))
        second = normed(first, 1)
        third = functional.relu(second + first)  # second is normalised in two ways
        past = normed(third, 2, stride=stride)
        last = functional.relu(normed(third, 3, stride=stride) + past) + past
        return last.mean((2, 3)) + second.amax((2, 3)) + third.mean((2, 3))

    values = [
        part.detach()[torch.from_numpy(mask)].requires_grad_()
        for part, mask in zip(dense, masks, strict=True)
    ]
    nans = [torch.full(mask.shape, torch.nan, dtype=DTYPE) for mask in masks]
    sparse = {id(nan): Sparse(mask, each) for nan, mask, each in zip(nans, masks, values, strict=True)}
    x = leaf(samples, 4, 6, 7, seed=20)
    with Context(sparse, Arena(DTYPE)):
        out = plain(block(x, nans))
    expected = block(x, dense)
    torch.testing.assert_close(out, expected, rtol=1e-9, atol=1e-9)
    error = leaf(*expected.shape, seed=21).detach()
    found = torch.autograd.grad(out, [x, bias, *scales, *values], error)
    wanted = list(torch.autograd.grad(expected, [x, bias, *scales, *dense], error))
    wanted[6:] = [each[torch.from_numpy(mask)] for each, mask in zip(wanted[6:], masks, strict=True)]
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_a_sum_in_place_takes_no_errors_of_what_it_was() -> None:
    mask = np.ones((3, 3, 1, 1), dtype=bool)
    dense = leaf(*mask.shape, seed=1)
    values, nan = dense.detach().flatten().requires_grad_(), torch.full(mask.shape, torch.nan, dtype=DTYPE)

    def changed(x: Any, weight: Tensor) -> Any:
        y = functional.batch_norm(x, None, None, training=True) + x
        z = functional.batch_norm(functional.relu(x), None, None, training=True) + y
        y += functional.relu(x)
        return functional.conv2d(y, weight) + z.relu()

    x = leaf(18, 3, 4, 4)
    context = Context({id(nan): Sparse(mask, values)}, Arena(DTYPE))
    with context:
        out = plain(changed(entered(context, x), nan))
    expected = changed(x, dense)
    error = leaf(*expected.shape, seed=2).detach()
    found, wanted = (torch.autograd.grad(each, x, error)[0] for each in (out, expected))
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)
