"""Into the layout and out of it."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.autograd import Function

from nets_deap.networks.interleaved.layout import Arena, Layout
from nets_deap.networks.kernels.images import SAMPLES


def _enter(x: Tensor, layout: Layout, data: Tensor) -> Tensor:
    whole, rest = divmod(layout.samples, SAMPLES)
    # [blocks, SAMPLES, channels], or [blocks, SAMPLES, channels, rows, cols]
    places = data[0, 0].permute(1, 2, 0) if layout.flat else layout.within(data).permute(0, 4, 2, 1, 3)
    places[:whole].copy_(x[: whole * SAMPLES].unflatten(0, (whole, SAMPLES)))
    if rest:
        places[whole, :rest] = x[whole * SAMPLES :]
        places[whole, rest:] = 0
    return data


def _leave(data: Tensor, layout: Layout) -> Tensor:
    places = data[0, 0].permute(1, 2, 0) if layout.flat else layout.within(data).permute(0, 4, 2, 1, 3)
    out = data.new_empty(layout.shape)
    whole, rest = divmod(layout.samples, SAMPLES)
    out[: whole * SAMPLES].unflatten(0, (whole, SAMPLES)).copy_(places[:whole])
    if rest:
        out[whole * SAMPLES :] = places[whole, :rest]
    return out


class Enter(Function):
    """x [n, …] in a layout."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, layout: Layout, arena: Arena) -> Tensor:
        ctx.layout = layout
        return _enter(x, layout, arena.take(layout))

    @staticmethod
    def backward(ctx: Any, error: Tensor) -> Any:
        return _leave(error, ctx.layout), None, None


class Leave(Function):
    """[n, …] out of a layout."""

    @staticmethod
    def forward(ctx: Any, data: Tensor, layout: Layout, arena: Arena) -> Tensor:
        ctx.layout, ctx.arena = layout, arena
        return _leave(data, layout)

    @staticmethod
    def backward(ctx: Any, error: Tensor) -> Any:
        return _enter(error, ctx.layout, ctx.arena.passing(ctx.layout)), None, None


class Moved(Function):
    """The same images in another layout of as many samples, channels, rows and columns, or flat."""

    @staticmethod
    def forward(ctx: Any, data: Tensor, old: Layout, new: Layout, arena: Arena) -> Tensor:
        ctx.old, ctx.new, ctx.arena = old, new, arena
        return _moved(data, old, new, arena.take(new))

    @staticmethod
    def backward(ctx: Any, error: Tensor) -> Any:
        return _moved(error, ctx.new, ctx.old, ctx.arena.passing(ctx.old)), None, None, None


def _moved(data: Tensor, old: Layout, new: Layout, to: Tensor) -> Tensor:
    if new.flat:  # features in the order channels, rows, columns
        there = to[0, 0].view(old.channels, old.rows, old.cols, old.blocks, SAMPLES)
        there.copy_(old.within(data).permute(2, 1, 3, 0, 4))
    elif old.flat:
        here = data[0, 0].view(new.channels, new.rows, new.cols, new.blocks, SAMPLES)
        new.within(to).copy_(here.permute(3, 1, 0, 2, 4))
    else:
        new.within(to).copy_(old.within(data))
    return to


class Mean(Function):
    """The mean over all pixels of each image, flat."""

    @staticmethod
    def forward(ctx: Any, data: Tensor, layout: Layout, flat: Layout, arena: Arena) -> Tensor:
        ctx.layout, ctx.arena = layout, arena
        mean = data.sum(1).sum(2).div_(layout.rows * layout.cols)  # [blocks, channels, SAMPLES]
        to = arena.take(flat)
        to[0, 0].copy_(mean.permute(1, 0, 2))
        return to

    @staticmethod
    def backward(ctx: Any, error: Tensor) -> Any:
        layout = ctx.layout
        below = ctx.arena.passing(layout)
        each = error[0, 0].permute(1, 0, 2) / (layout.rows * layout.cols)
        layout.within(below).copy_(each[:, None, :, None])
        return below, None, None, None
