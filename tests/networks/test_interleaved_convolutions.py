"""The kernels for convolutions against torch's: outputs, and the gradients of all inputs."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from nets_deap.networks.interleaved.convolution import Sparse
from nets_deap.networks.interleaved.functions import plain
from nets_deap.networks.interleaved.images import Context
from nets_deap.networks.interleaved.layout import Arena
from nets_deap.networks.kernels import images, library
from tests.networks.interleaved import DTYPE, leaf, same

pytestmark = pytest.mark.skipif(not library.available(), reason="the kernels are not built")


def convolution_agrees(
    seed: int, samples: int, groups: int, channels: tuple[int, int], sides: tuple[int, int],
    kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int], dilation: tuple[int, int],
    density: float, rectified: bool,
) -> None:  # fmt: skip
    rng = np.random.default_rng(seed)
    mask = rng.random((channels[1] * groups, channels[0], *kernel)) < density
    x = leaf(samples, channels[0] * groups, *sides)
    dense = torch.where(torch.from_numpy(mask), leaf(*mask.shape, seed=2), 0).detach().requires_grad_()
    values = dense.detach()[torch.from_numpy(mask)].requires_grad_()
    bias = leaf(len(mask), seed=3)
    weight = torch.full(mask.shape, torch.nan, dtype=DTYPE)  # nobody reads it
    context = Context({id(weight): Sparse(mask, values)}, Arena(DTYPE))
    with context:
        out = functional.conv2d(x, weight, bias, stride, padding, dilation, groups)
        out = plain(functional.relu(out) if rectified else out)
    expected = functional.conv2d(x, dense, bias, stride, padding, dilation, groups)
    expected = expected.relu() if rectified else expected
    torch.testing.assert_close(out, expected, rtol=1e-9, atol=1e-9)
    error = leaf(*expected.shape, seed=4).detach()
    found = torch.autograd.grad(out, [x, values, bias], error)
    wanted = torch.autograd.grad(expected, [x, dense, bias], error)
    torch.testing.assert_close(found[0], wanted[0], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(found[1], wanted[1][torch.from_numpy(mask)], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(found[2], wanted[2], rtol=1e-9, atol=1e-9)


pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
widths = [*images.VECTOR_BYTES]
widths = widths[: widths.index(library.best_variant()) + 1] if library.available() else []


@settings(max_examples=200, deadline=None)
@given(
    width=st.sampled_from(widths or [""]),
    seed=st.integers(0, 99),
    samples=st.sampled_from([1, 5, 16, 19, 33]),
    groups=st.integers(1, 3),
    channels=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    sides=st.tuples(st.integers(7, 19), st.integers(7, 19)),
    kernel=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    stride=pairs,
    padding=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    dilation=pairs,
    density=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    rectified=st.booleans(),
)
def test_convolutions_of_any_kind(width: str, **case: Any) -> None:
    reaches = [(size - 1) * dilation for size, dilation in zip(case["kernel"], case["dilation"], strict=True)]
    assume(all(map(operator.lt, reaches, np.add(case["sides"], np.multiply(2, case["padding"])))))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(images, "best_variant", lambda: width)
        images.kernel.cache_clear()
        try:
            convolution_agrees(**case)
        finally:
            images.kernel.cache_clear()


@pytest.mark.parametrize("mode", ["zeros", "circular", "reflect", "replicate"])
@pytest.mark.parametrize("kernel", [2, 3, 4, (5, 2)])
def test_padding_to_the_same_size(kernel: Any, mode: str) -> None:
    layer = nn.Conv2d(3, 4, kernel, padding="same", dilation=(1, 2), padding_mode=mode).to(DTYPE)
    x = leaf(18, 3, 9, 8)
    mask = torch.rand(layer.weight.shape, generator=torch.Generator().manual_seed(0)) < 0.4
    with torch.no_grad():
        layer.weight *= mask
    expected = layer(x)
    values = layer.weight.detach()[mask].requires_grad_()
    with Context({id(layer.weight): Sparse(mask.numpy(), values)}, Arena(DTYPE)):
        out = plain(layer(x))
    torch.testing.assert_close(out, expected, rtol=1e-9, atol=1e-9)
    error = leaf(*expected.shape, seed=1).detach()
    found = torch.autograd.grad(out, [x, values, layer.bias], error)
    wanted = torch.autograd.grad(expected, [x, layer.weight, layer.bias], error)
    for one, other in zip(found, (wanted[0], wanted[1][mask], wanted[2]), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_convolutions_in_each_width_of_vectors(variant: str) -> None:
    for cols in (1, 2, 4, 7, 8, 16, 31):
        convolution_agrees(
            cols, 18, 1, (3, 4), (5, cols), (3, 3), (1, 1), (1, 1), (1, 1), 0.4, True
        )  # fmt: skip


def test_rounding_in_float32(variant: str) -> None:
    """Narrower vectors add more terms one after the other: a gradient is a sum of 16,384 here."""
    mask = torch.from_numpy(np.random.default_rng(0).random((32, 32, 3, 3)) < 0.2)
    given = (
        leaf(64, 32, 16, 16),
        torch.where(mask, leaf(*mask.shape, seed=2), 0),
        leaf(64, 32, 16, 16, seed=3),
    )
    x, dense, error = (each.detach().float() for each in given)
    values = dense[mask].requires_grad_()
    x.requires_grad_()
    weight = torch.full(mask.shape, torch.nan)
    with Context({id(weight): Sparse(mask.numpy(), values)}, Arena(torch.float32)):
        out = plain(functional.conv2d(x, weight, padding=1))
    found = [out, *torch.autograd.grad(out, [x, values], error)]
    x, dense, error = (each.detach().double().requires_grad_() for each in (x, dense, error))
    out = functional.conv2d(x, dense, padding=1)
    of_x, of_weights = torch.autograd.grad(out, [x, dense], error)
    for one, other in zip(found, (out, of_x, of_weights[mask]), strict=True):
        assert (one - other).norm() <= 1e-6 * other.norm()


@pytest.mark.parametrize("stride", [1, 2])
def test_images_that_are_written_past_the_caches(stride: int, variant: str) -> None:
    """They begin at `FAR` bytes; these, of 32 samples, have 6 MB."""
    convolution_agrees(
        0, 18, 1, (5, 20), (64, 66), (3, 3), (stride, stride), (1, 1), (1, 1), 0.1, True
    )  # fmt: skip
    same(*[lambda x: functional.batch_norm(x, None, None, training=True)] * 2, leaf(18, 5, 64, 66), [])
