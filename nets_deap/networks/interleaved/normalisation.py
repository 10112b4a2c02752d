"""Batch normalisation, with the sum and the ReLU that may follow it."""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from nets_deap.networks.interleaved.layout import Arena, Layout
from nets_deap.networks.interleaved.past import Past
from nets_deap.networks.kernels import images


class Moments:
    """Mean and biased variance of each channel, float64[channels], and of how many values."""

    def __init__(self, x: Tensor, layout: Layout) -> None:
        self.count = layout.samples * layout.rows * layout.cols
        self.mean, self.variance = (torch.empty(layout.channels, dtype=torch.float64) for _ in range(2))
        images.call(
            "moments", x.dtype, layout.channels, layout.image, x.data_ptr() + layout.at() * x.itemsize,
            self.mean.data_ptr(), self.variance.data_ptr(),
        )  # fmt: skip


class Normalise(Function):
    """(x − mean) · weight / √(variance + eps) + bias + past, and 0 where that is negative if `rectified`.

    x, past: in the layout; past: or None
    moments: those of x, through which gradients go
    place: where the errors of `past` may wait
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        past: Tensor | None,
        moments: Moments,
        eps: float,
        rectified: bool,
        layout: Layout,
        place: Past | None,
        arena: Arena,
    ) -> Tensor:
        inverse = (moments.variance + eps).rsqrt_()
        scale = inverse if weight is None else inverse * weight.detach()
        shift = -moments.mean * scale if bias is None else bias.detach() - moments.mean * scale
        own = scale.to(x.dtype), shift.to(x.dtype)
        out = arena.take(layout)
        apply(x, *own, past, rectified, layout, out)
        summed = rectified and past is not None
        ctx.save_for_backward(x, out if summed else None)
        ctx.given = moments, inverse, scale, own, rectified, layout, place, arena
        return out

    @staticmethod
    def backward(ctx: Any, error: Tensor) -> Any:
        x, out = ctx.saved_tensors
        moments, inverse, scale, own, rectified, layout, waiting, arena = ctx.given
        error = error.contiguous()
        place = layout.at() * x.itemsize
        norm = images.Norm(
            moments.mean.data_ptr(), *(each.data_ptr() for each in own),
            None if out is None else out.data_ptr() + place, rectified,
        )  # fmt: skip
        sums, products = torch.empty_like(scale), torch.empty_like(scale)
        images.call(
            "error_sums", x.dtype, layout.channels, layout.image, ctypes.byref(norm), x.data_ptr() + place,
            error.data_ptr() + place, sums.data_ptr(), products.data_ptr(),
        )  # fmt: skip
        of_all = (scale * sums / moments.count).to(x.dtype)
        of_each = (scale * inverse.square() * products / moments.count).to(x.dtype)
        past = None
        if ctx.needs_input_grad[3] and not (waiting and waiting.leave(error, out)):
            past = arena.passing(layout)
        below = arena.passing(layout)
        images.call(
            "through_norm", x.dtype, layout.channels, layout.image, ctypes.byref(norm), x.data_ptr() + place,
            of_all.data_ptr(), of_each.data_ptr(), error.data_ptr() + place, below.data_ptr() + place,
            None if past is None else past.data_ptr() + place,
        )  # fmt: skip
        of_weight = (inverse * products).to(x.dtype) if ctx.needs_input_grad[1] else None
        of_bias = sums.to(x.dtype) if ctx.needs_input_grad[2] else None
        return below, of_weight, of_bias, past, *(None,) * 6


def apply(
    x: Tensor,
    scale: Tensor,
    shift: Tensor,
    past: Tensor | None,
    rectified: bool,
    layout: Layout,
    out: Tensor,
) -> None:
    """out = scale · x + shift + past, rectified or not; scale, shift: [channels], of the same dtype"""
    place = layout.at() * x.itemsize
    images.call(
        "normalise", x.dtype, layout.channels, layout.image, x.data_ptr() + place, scale.data_ptr(),
        shift.data_ptr(), None if past is None else past.data_ptr() + place, rectified,
        out.data_ptr() + place,
    )  # fmt: skip
