"""The passes of convolutions and dense layers, and of the normalisation that may follow at once."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.autograd import Function

from nets_deap.networks.interleaved.convolution import Settings, Sparse
from nets_deap.networks.interleaved.layout import Arena, Layout
from nets_deap.networks.interleaved.norm import Norm
from nets_deap.networks.interleaved.normalisation import errors_past
from nets_deap.networks.interleaved.past import Past
from nets_deap.networks.kernels import images


def _address(data: Tensor | None, place: int = 0) -> int | None:
    return None if data is None else data.data_ptr() + place * data.itemsize


@dataclass(frozen=True)
class Convolution:
    """A convolution or dense layer of inputs in the layout.

    layouts: of the inputs and of the outputs
    past: of the inputs, or None
    """

    sparse: Sparse
    layouts: tuple[Layout, Layout]
    settings: Settings
    past: Past | None
    arena: Arena

    def forward(
        self, x: Tensor, bias: Tensor | None, rectified: bool = False, norm: Norm | None = None
    ) -> Tensor:
        """The outputs, with biases unless None, and 0 where they are negative if `rectified`.

        norm: of the outputs, whose sums are gathered
        """
        lists = self.sparse.forward_lists(*self.layouts, self.settings)
        out = self.arena.take(self.layouts[1])
        if norm:
            norm.of(out)
        more = images.Extras(_address(bias), None, None, rectified, norm and norm.address, None, None)
        places = _address(x, lists.source), _address(out, lists.target)
        values, shape = self.sparse.values.data_ptr(), lists.convolution
        images.call("convolve", x.dtype, shape.blocks, shape, values, ctypes.byref(more), *places)
        if self.past:
            self.past.awaited += 1
        return out

    def backward(
        self, ctx: Any, error: Tensor, x: Tensor,
        outputs: Tensor | None = None, norm: Norm | None = None, past: Tensor | None = None,
    ) -> tuple[Tensor | None, Tensor, Tensor | None]:  # fmt: skip
        """The errors of x, if they are needed, and the gradients of the values and of the biases, if any.

        ctx: whose first inputs are x, values and bias
        outputs: if they were rectified
        norm, past: through which the errors go first, and where those of what it has added are written
        """
        old, new = self.layouts
        lists = self.sparse.forward_lists(old, new, self.settings)
        shape, weights = lists.convolution, len(self.sparse.values)
        lanes = images.lanes(x.dtype)
        gradient = x.new_empty(shape.blocks, weights)
        totals = x.new_zeros(shape.blocks, shape.channels, lanes) if ctx.needs_input_grad[2] else None
        given, kept = [], []
        for _ in images.parts(shape.blocks):
            sums = x.new_empty(weights, lanes)
            left = self.arena.passing(new.block) if norm or outputs is not None else None
            kept += [sums, left]
            given.append(ctypes.byref(images.Gradient(
                _address(outputs, lists.target), norm and norm.address, _address(past, lists.target),
                _address(left, lists.target), _address(totals), sums.data_ptr(), gradient.data_ptr(),
            )))  # fmt: skip
        below, parts = self._parts(x, lists.target, kept) if ctx.needs_input_grad[0] else (None, [])
        places = _address(x, lists.source), _address(error, lists.target)
        array = (images.Part * len(parts))(*parts)
        images.call("convolve_back", x.dtype, shape.blocks, shape, *places, given, len(parts), array)
        if self.past and below is not None and self.past.leave(below, None):
            below = None  # the next convolution adds its own
        return below, gradient.sum(0), None if totals is None else totals.sum((0, 2))

    def _parts(self, x: Tensor, first: int, kept: list[Any]) -> tuple[Tensor, list[images.Part]]:
        """Where the errors of x go, and how they are computed. kept: gets what must live on until then

        first: where the first pixel of the outputs is
        """
        below = self.arena.passing(self.layouts[0])
        waiting = self.past.taken(by_convolution=True) if self.past else (None, None)
        kept += waiting
        parts = []
        for part in self.sparse.backward_lists(*self.layouts, self.settings):
            at = part.target
            added = (_address(each, at) for each in waiting)
            more, values = images.Extras(None, *added, 0), part.ordered(self.sparse.values)
            if self.past:
                norm = self.past.norm
                norm.whole = below
                more.norm, more.x = norm.address, _address(norm.x, at)
                more.outputs = _address(x, at) if self.past.rectified else None
            kept += [more, values]
            parts.append(images.Part(
                ctypes.addressof(part.convolution), values.data_ptr(), ctypes.addressof(more),
                part.source - first, _address(below, at),
            ))  # fmt: skip
        return below, parts


class Convolve(Function):
    """The outputs of a convolution, with biases unless None, and 0 where they are negative if `rectified`."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, values: Tensor, bias: Tensor | None, convolution: Convolution, rectified: bool
    ) -> Tensor:
        out = convolution.forward(x, bias, rectified)
        ctx.convolution = convolution
        ctx.save_for_backward(x, out if rectified else None)
        return out

    @staticmethod
    def backward(ctx: Any, error: Tensor) -> Any:
        x, out = ctx.saved_tensors
        return *ctx.convolution.backward(ctx, error.contiguous(), x, out), None, None


class ConvolveNormalised(Function):
    """`Normalise` of the outputs of a convolution, whose errors are never written.

    x, values, bias: of the convolution, which has already been computed; the rest as in `Normalise`
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        values: Tensor,
        bias: Tensor | None,
        weight: Tensor | None,
        shift: Tensor | None,
        past: Tensor | None,
        convolution: Convolution,
        norm: Norm,
        own: Past,
        place: Past | None,
    ) -> Tensor:
        out = norm.apply(past, own.rectified, convolution.arena)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, out if own.rectified and past is not None else None)
        ctx.given = convolution, norm, own, place
        return out

    @staticmethod
    def backward(ctx: Any, error: Tensor | None) -> Any:
        x, out = ctx.saved_tensors
        convolution, norm, own, place = ctx.given
        if (error := own.collected(error)) is None:
            return (None,) * 10
        past, written = errors_past(error, out, norm, own, ctx.needs_input_grad[5], place, convolution.arena)
        found = convolution.backward(ctx, error, x, norm=norm, past=written)
        return *found, *norm.gradients(ctx.needs_input_grad[3:5]), past, *(None,) * 4
