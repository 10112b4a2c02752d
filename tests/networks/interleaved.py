"""What the tests of the kernels for images share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from nets_deap.networks.interleaved.functions import entered, plain
from nets_deap.networks.interleaved.images import Context, Images
from nets_deap.networks.interleaved.layout import Arena

DTYPE = torch.float64


def leaf(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=DTYPE).requires_grad_()


def same(
    ours: Callable[[Images], Any], theirs: Callable[[Tensor], Tensor], x: Tensor, leaves: list[Tensor]
) -> None:
    """Both functions give the same outputs, and the same gradients of x and of the leaves."""
    context = Context({}, Arena(DTYPE))
    with context:
        out = plain(ours(entered(context, x)))
    expected = theirs(x)
    torch.testing.assert_close(out, expected, rtol=1e-9, atol=1e-9)
    error = leaf(*expected.shape, seed=1).detach()
    inputs = [x, *leaves]
    found = torch.autograd.grad(out, inputs, error)
    wanted = torch.autograd.grad(expected, inputs, error)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
