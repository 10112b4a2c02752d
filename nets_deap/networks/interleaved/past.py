"""The errors that come back to a residual block's inputs past its layers."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.autograd import Function


class Past:
    """Errors that wait for a convolution with the same inputs, whose backward pass adds its own to them.

    So nobody writes them, and reads them again, only to add them.
    """

    def __init__(self) -> None:
        self._errors: tuple[Tensor, Tensor | None] | None = None
        self.awaited = False  # by such a convolution

    def leave(self, errors: Tensor, outputs: Tensor | None) -> bool:
        """Whether they may wait here. outputs: where these are 0 there are no errors; None: everywhere"""
        if not self.awaited or self._errors is not None:
            return False
        self._errors = errors, outputs
        return True

    def taken(self) -> tuple[Tensor | None, Tensor | None]:
        """What has waited, which then waits no more."""
        errors, self._errors = self._errors, None
        return errors or (None, None)


class Collected(Function):
    """The data as they are. Its backward pass adds the errors that no convolution has taken."""

    @staticmethod
    def forward(ctx: Any, data: Tensor, past: Past) -> Tensor:
        ctx.past = past
        ctx.set_materialize_grads(False)
        return data.view_as(data)

    @staticmethod
    def backward(ctx: Any, error: Tensor | None) -> Any:
        waiting, outputs = ctx.past.taken()
        if waiting is None:
            return error, None
        if outputs is not None:
            waiting = waiting * (outputs > 0)
        return waiting if error is None else waiting + error, None
