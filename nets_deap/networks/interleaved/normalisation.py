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


class Norm:
    """A batch normalisation of x, which is in the layout.

    weight, bias: [channels], or None. All values of a channel count alike, those of missing samples do not.
    """

    def __init__(self, x: Tensor, layout: Layout, weight: Tensor | None, bias: Tensor | None) -> None:
        self.x, self.layout = x, layout
        self.count = layout.samples * layout.rows * layout.cols
        self.moments = torch.empty(
            2, layout.channels, dtype=torch.float64
        )  # the mean, and 1 / √(variance + eps)
        self.numbers = x.new_empty(6, layout.channels)
        made = *self.moments, *self.numbers
        mean, inverse, scale, shift, *gradients = (each.data_ptr() for each in made)
        self.of_weight, self.of_bias = self.numbers[2], self.numbers[3]
        self.weight, self.bias = weight, bias
        given = (None if each is None else each.data_ptr() for each in (weight, bias))
        self.struct = images.Norm(
            *given, 0, 0, None, None, mean, inverse, scale, shift, 0, None, *gradients
        )  # fmt: skip

    def measure(self, running: tuple[Tensor, Tensor] | None, momentum: float, eps: float) -> None:
        """Normalise by mean and variance of x, which move those that are running."""
        self.struct.eps, self.struct.momentum = eps, momentum
        if running:
            self.struct.running_mean, self.struct.running_variance = (each.data_ptr() for each in running)
        self._call("moments", self.x)

    def take(self, mean: Tensor, variance: Tensor, eps: float) -> None:
        """Normalise by a given mean and variance."""
        scale = (variance.double() + eps).rsqrt_()
        scale = scale if self.weight is None else scale * self.weight
        self.numbers[0] = scale
        self.numbers[1] = -mean * scale if self.bias is None else self.bias - mean * scale

    def apply(self, past: Tensor | None, rectified: bool, out: Tensor) -> None:
        """out = the normalised x + past, and 0 where that is negative if `rectified`."""
        self.struct.rectified = rectified
        self._call("normalise", self.x, past, out)

    def back(
        self, errors: Tensor, outputs: Tensor | None, rectified: bool, below: Tensor, past: Tensor | None
    ) -> None:
        """The gradients, of_weight and of_bias, and the errors of x and of `past`, unless that is None.

        outputs: of `apply`, if it has rectified a sum
        """
        self.struct.rectified, self.struct.outputs = rectified, self._place(outputs)
        self._call("error_sums", self.x, errors)
        self._call("through_norm", self.x, errors, below, past)

    def _place(self, data: Tensor | None) -> int | None:
        return None if data is None else data.data_ptr() + self.layout.at() * data.itemsize

    def _call(self, name: str, *data: Tensor | None) -> None:
        layout, places = self.layout, map(self._place, data)
        images.call(name, self.x.dtype, layout.channels, layout.image, ctypes.byref(self.struct), *places)


class Normalise(Function):
    """(x − mean) · weight / √(variance + eps) + bias + past, and 0 where that is negative if `rectified`.

    x, past: in the layout; past: or None
    norm: of x, weight and bias, and measured; gradients go through its moments
    place: where the errors of `past` may wait
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        past: Tensor | None,
        norm: Norm,
        rectified: bool,
        place: Past | None,
        arena: Arena,
    ) -> Tensor:
        out = arena.take(norm.layout)
        norm.apply(past, rectified, out)
        ctx.save_for_backward(x, out if rectified and past is not None else None)
        ctx.given = norm, rectified, place, arena
        return out

    @staticmethod
    def backward(ctx: Any, error: Tensor) -> Any:
        _, out = ctx.saved_tensors
        norm, rectified, waiting, arena = ctx.given
        error = error.contiguous()
        past = None
        if ctx.needs_input_grad[3] and not (waiting and waiting.leave(error, out)):
            past = arena.passing(norm.layout)
        below = arena.passing(norm.layout)
        norm.back(error, out, rectified, below, past)
        of_weight = norm.of_weight.clone() if ctx.needs_input_grad[1] else None
        of_bias = norm.of_bias.clone() if ctx.needs_input_grad[2] else None
        return below, of_weight, of_bias, past, *(None,) * 4
