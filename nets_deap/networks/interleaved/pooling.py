"""Max-pooling of windows that do not overlap."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.autograd import Function

from nets_deap.networks.interleaved.layout import Arena, Layout
from nets_deap.networks.kernels import images


class MaxPool(Function):
    """The largest of each size × size pixels."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, size: int, old: Layout, new: Layout, arena: Arena) -> Tensor:
        out = arena.take(new)
        _call("pool", size, old, new, x.dtype, (x, old), (out, new))
        ctx.save_for_backward(x, out)
        ctx.given = size, old, new, arena
        return out

    @staticmethod
    def backward(ctx: Any, error: Tensor) -> Any:
        x, out = ctx.saved_tensors
        size, old, new, arena = ctx.given
        below = arena.passing(old)
        if old.rows % size or old.cols % size:
            below.zero_()  # some pixels are in no window
        _call(
            "through_pool",
            size,
            old,
            new,
            x.dtype,
            (x, old),
            (out, new),
            (error.contiguous(), new),
            (below, old),
        )
        return below, None, None, None, None


def _call(name: str, size: int, old: Layout, new: Layout, dtype: Any, *data: tuple[Tensor, Layout]) -> None:
    image = old.image
    places = (each.data_ptr() + layout.at() * each.itemsize for each, layout in data)
    images.call(name, dtype, new.blocks, new.image, size, image.block, image.row, image.channel, *places)
