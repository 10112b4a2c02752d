"""Batch normalisation, with the sum and the ReLU that may follow it."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.autograd import Function

from nets_deap.networks.interleaved.layout import Arena
from nets_deap.networks.interleaved.norm import Norm
from nets_deap.networks.interleaved.past import Past


class Normalise(Function):
    """(x − mean) · weight / √(variance + eps) + bias + past, and 0 where that is negative if `own.rectified`.

    x, past: in the layout; past: or None
    norm: of x, weight and bias, and settled; gradients go through its moments
    own: where errors of the outputs may wait
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
        own: Past,
        place: Past | None,
        arena: Arena,
    ) -> Tensor:
        out = norm.apply(past, own.rectified, arena)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, out if own.rectified and past is not None else None)
        ctx.given = norm, own, place, arena
        return out

    @staticmethod
    def backward(ctx: Any, error: Tensor | None) -> Any:
        _, out = ctx.saved_tensors
        norm, own, place, arena = ctx.given
        if (error := own.collected(error)) is None:
            return (None,) * 8
        past, written = errors_past(error, out, norm, own, ctx.needs_input_grad[3], place, arena)
        below = arena.passing(norm.layout)
        norm.through(error, below, written)
        return below, *norm.gradients(ctx.needs_input_grad[1:3]), past, *(None,) * 4


def errors_past(
    error: Tensor,
    outputs: Tensor | None,
    norm: Norm,
    own: Past,
    needed: bool,
    place: Past | None,
    arena: Arena,
) -> tuple[Tensor | None, Tensor | None]:
    """Begin to go back through a normalisation: the errors of what it has added, and where to write them.

    error: of the outputs; outputs: if a sum was rectified
    """
    if norm.error_sums(error, outputs, own.rectified):
        outputs = None
    if not needed or (place and place.leave(error, outputs)):
        return None, None
    if outputs is None:
        return error, None
    past = arena.passing(norm.layout)
    return past, past
