"""Convolutions and dense layers whose cost follows the number of active weights."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from nets_deap.networks.interleaved.layout import MARGIN, Layout
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
class Lists:
    """What a kernel needs: its struct, whose arrays are kept; the order of the values, None for their own.

    source, target: how far the first pixel is from the beginning of the data, in numbers
    """

    convolution: images.Convolution
    arrays: tuple[np.ndarray, ...]
    order: Tensor | None
    source: int
    target: int

    def ordered(self, values: Tensor) -> Tensor:
        return values if self.order is None else values.index_select(0, self.order)


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
        key = (layout, settings)
        if key not in self._lists:
            self._lists[key] = self._output(layout, settings)
        found: Layout = self._lists[key]
        return found

    def _output(self, layout: Layout, settings: Settings) -> Layout:
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

    def forward_lists(self, old: Layout, new: Layout, settings: Settings) -> Lists:
        key = (old, new, settings)
        if key not in self._lists:
            self._lists[key] = self._forward_lists(old, new, settings)
        found: Lists = self._lists[key]
        return found

    def backward_lists(self, old: Layout, new: Layout, settings: Settings) -> list[Lists]:
        key = (old, new, settings, "backward")
        if key not in self._lists:
            self._lists[key] = self._backward_lists(old, new, settings)
        found: list[Lists] = self._lists[key]
        return found

    def _inputs(self, settings: Settings) -> np.ndarray:
        """The input channel of each weight among those of all groups."""
        of_group, outputs = self.shape[1], self.shape[0] // settings.groups
        return self.taps.in_ + self.taps.out // outputs * of_group

    def _forward_lists(self, old: Layout, new: Layout, settings: Settings) -> Lists:
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

    def _backward_lists(self, old: Layout, new: Layout, settings: Settings) -> list[Lists]:
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
) -> Lists:
    """channel: ascending. Raises NetsError for an image that is too large for the kernels."""
    if offset.size and offset.max() > FARTHEST:
        raise NetsError(
            f"a layer with {sizes[1]:,} outputs reads too large an image: take a smaller `batch_size`"
        )
    start = np.searchsorted(channel, np.arange(sizes[1] + 1)).astype(np.int32)
    offset = np.ascontiguousarray(offset, dtype=np.int32)
    reach = offset.max(initial=0) // apart[1] + 1
    convolution = images.Convolution(*sizes, *apart, *out_apart, start.ctypes.data, offset.ctypes.data, reach)
    wanted = None if order is None else torch.from_numpy(order)
    return Lists(convolution, (start, offset), wanted, source, target)
