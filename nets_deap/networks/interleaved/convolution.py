"""Convolutions and dense layers whose cost follows the number of active weights."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

from nets_deap.networks.interleaved.layout import MARGIN, Arena, Layout
from nets_deap.networks.interleaved.past import Past
from nets_deap.networks.kernels import images
from nets_deap.networks.kernels.images import SAMPLES
from nets_deap.util.errors import NetsError

Pair = tuple[int, int]
FARTHEST = 2**31 - 1  # places are int32


class Settings(NamedTuple):
    """Of a convolution, each for rows and columns."""

    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1


class _Taps(NamedTuple):
    """The active weights: output channel, input channel, row and column of the kernel, int64[weights]."""

    out: np.ndarray
    in_: np.ndarray
    row: np.ndarray
    col: np.ndarray


@dataclass
class _Lists:
    """What a kernel needs: its struct, whose arrays are kept; the order of the values, None for their own.

    source, target: how far the first pixel is from the beginning of the data, in numbers
    """

    convolution: images.Convolution
    arrays: tuple[np.ndarray, ...]
    order: Tensor | None
    source: int
    target: int


class Sparse:
    """The active weights of a convolution or dense layer.

    mask: bool[outputs, inputs, kernel rows, kernel columns], or bool[outputs, inputs]
    values: the active weights, in the order of the mask, a leaf of autograd
    """

    def __init__(self, mask: np.ndarray, values: Tensor) -> None:
        self.shape = mask.shape if mask.ndim == 4 else (*mask.shape, 1, 1)
        self.dense = mask.ndim == 2
        self.values = values
        self.taps = _Taps(*np.nonzero(mask.reshape(self.shape)))
        self._lists: dict[Any, Any] = {}

    def output(self, layout: Layout, settings: Settings) -> Layout:
        """The layout of the outputs, with a margin as wide as the gradient of the inputs wants it."""
        channels, _, *kernel = self.shape
        if layout.flat:
            return Layout(layout.samples, channels, flat=True)
        sides = []
        margin = MARGIN
        for size, width, stride, padding, dilation in zip(
            (layout.rows, layout.cols), kernel, *settings[:3], strict=True
        ):
            reach = (width - 1) * dilation
            sides.append((size + 2 * padding - reach - 1) // stride + 1)
            behind = -(-max(reach - padding, 0) // stride)
            ahead = (size - 1 + padding) // stride - (sides[-1] - 1)
            margin = max(margin, behind, ahead)
        return Layout(layout.samples, channels, sides[0], sides[1], margin)

    def forward_lists(self, old: Layout, new: Layout, settings: Settings) -> _Lists:
        key = (old, new, settings)
        if key not in self._lists:
            self._lists[key] = self._forward_lists(old, new, settings)
        found: _Lists = self._lists[key]
        return found

    def backward_lists(self, old: Layout, new: Layout, settings: Settings) -> list[_Lists]:
        key = (old, new, settings, "backward")
        if key not in self._lists:
            self._lists[key] = self._backward_lists(old, new, settings)
        found: list[_Lists] = self._lists[key]
        return found

    def _inputs(self, settings: Settings) -> np.ndarray:
        """The input channel of each weight among those of all groups."""
        of_group, outputs = self.shape[1], self.shape[0] // settings.groups
        return self.taps.in_ + self.taps.out // outputs * of_group

    def _forward_lists(self, old: Layout, new: Layout, settings: Settings) -> _Lists:
        taps, image, out = self.taps, old.image, new.image
        (down, right), (above, left), (dilate_rows, dilate_cols), _ = settings
        offset = (
            taps.row * dilate_rows * image.row
            + self._inputs(settings) * image.channel
            + taps.col * dilate_cols * SAMPLES
        )
        return _lists(
            (out.blocks, out.channels, out.rows, out.cols),
            (image.block, down * image.row, right * SAMPLES),
            (out.block, out.row, SAMPLES, out.channel),
            taps.out,
            offset,
            None,
            old.at(-above, -left),
            new.at(),
        )

    def _backward_lists(self, old: Layout, new: Layout, settings: Settings) -> list[_Lists]:
        """The errors of the inputs are sums, too: a convolution for each remainder of the strides."""
        taps, below, error = self.taps, old.image, new.image
        inputs = self._inputs(settings)
        strides, paddings, dilations, _ = settings
        found = []
        for phases in product(*map(range, strides)):
            steps, fits = [], np.ones(len(inputs), dtype=bool)
            for at, phase, stride, padding, dilation in zip(
                (taps.row, taps.col), phases, strides, paddings, dilations, strict=True
            ):
                step, rest = np.divmod(phase + padding - at * dilation, stride)
                steps.append(step)
                fits &= rest == 0
            chosen = np.flatnonzero(fits)
            order = chosen[np.lexsort((steps[1][chosen], taps.out[chosen], steps[0][chosen], inputs[chosen]))]
            offset = steps[0] * error.row + taps.out * error.channel + steps[1] * SAMPLES
            sides = [
                -(-(size - phase) // stride)
                for size, phase, stride in zip((below.rows, below.cols), phases, strides, strict=True)
            ]
            if min(sides) < 1:
                continue
            found.append(
                _lists(
                    (below.blocks, below.channels, *sides),
                    (error.block, error.row, SAMPLES),
                    (below.block, strides[0] * below.row, strides[1] * SAMPLES, below.channel),
                    inputs[order],
                    offset[order],
                    order,
                    new.at(),
                    old.at(*phases),
                )
            )
        return found


def _lists(
    sizes: tuple[int, ...],
    apart: tuple[int, ...],
    out_apart: tuple[int, ...],
    channel: np.ndarray,
    offset: np.ndarray,
    order: np.ndarray | None,
    source: int,
    target: int,
) -> _Lists:
    """channel: ascending. Raises NetsError for an image that is too large for the kernels."""
    if offset.size and offset.max() > FARTHEST:
        raise NetsError(
            f"a layer with {sizes[1]:,} outputs reads too large an image: take a smaller `batch_size`"
        )
    start = np.searchsorted(channel, np.arange(sizes[1] + 1)).astype(np.int32)
    offset = np.ascontiguousarray(offset, dtype=np.int32)
    convolution = images.Convolution(*sizes, *apart, *out_apart, start.ctypes.data, offset.ctypes.data)
    wanted = None if order is None else torch.from_numpy(order)
    return _Lists(convolution, (start, offset), wanted, source, target)


def _address(data: Tensor, place: int = 0) -> int:
    return data.data_ptr() + place * data.itemsize


class Convolve(Function):
    """The outputs of a convolution, with biases unless None, and 0 where they are negative if `rectified`.

    past: whose errors the inputs may have, besides; or None
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        values: Tensor,
        bias: Tensor | None,
        sparse: Sparse,
        layouts: tuple[Layout, Layout],
        settings: Settings,
        rectified: bool,
        past: Past | None,
        arena: Arena,
    ) -> Tensor:
        lists = sparse.forward_lists(*layouts, settings)
        out = arena.take(layouts[1])
        more = images.Extras(None if bias is None else bias.data_ptr(), None, None, rectified)
        _convolve(lists, values, more, x, out)
        ctx.given = sparse, layouts, settings, past, arena
        ctx.save_for_backward(x, values, out if rectified else None)
        ctx.biased = bias is not None
        if past:
            past.awaited = True
        return out

    @staticmethod
    def backward(ctx: Any, error: Tensor) -> Any:
        x, values, out = ctx.saved_tensors
        sparse, layouts, settings, past, arena = ctx.given
        error = error.contiguous()
        lists = sparse.forward_lists(*layouts, settings)
        shape = lists.convolution
        lanes = images.lanes(x.dtype)
        gradient = x.new_empty(shape.blocks, len(values))
        sums = [x.new_empty(len(values), lanes) for _ in images.parts(shape.blocks)]
        totals = x.new_zeros(shape.blocks, shape.channels, lanes) if ctx.biased else None
        left = error if out is None else arena.passing(layouts[1])
        given = [
            ctypes.byref(images.Gradient(
                None if out is None else _address(out, lists.target), _address(left, lists.target),
                None if totals is None else totals.data_ptr(), each.data_ptr(), gradient.data_ptr(),
            ))
            for each in sums
        ]  # fmt: skip
        below, parts = None, []
        kept: list[Any] = []  # by nobody but us
        if ctx.needs_input_grad[0]:
            waiting = past.taken() if past else (None, None)
            below = arena.passing(layouts[0])
            for part in sparse.backward_lists(*layouts, settings):
                added = (None if each is None else _address(each, part.target) for each in waiting)
                more, ordered = images.Extras(None, *added, 0), values.index_select(0, part.order)
                kept += [more, ordered]
                parts.append(images.Part(
                    ctypes.addressof(part.convolution), ordered.data_ptr(), ctypes.addressof(more),
                    _address(left, part.source), _address(below, part.target),
                ))  # fmt: skip
        places = _address(x, lists.source), _address(error, lists.target)
        array = (images.Part * len(parts))(*parts)
        images.call("convolve_back", x.dtype, shape.blocks, shape, *places, given, len(parts), array)
        of_bias = None if totals is None else totals.sum((0, 2))
        return below, gradient.sum(0), of_bias, *(None,) * 6


def _convolve(lists: _Lists, values: Tensor, more: images.Extras, x: Tensor, out: Tensor) -> None:
    shape = lists.convolution
    places = _address(x, lists.source), _address(out, lists.target)
    images.call("convolve", x.dtype, shape.blocks, shape, values.data_ptr(), ctypes.byref(more), *places)
