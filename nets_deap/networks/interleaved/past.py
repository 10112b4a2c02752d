"""The errors that come back to the outputs of a normalisation, past layers and through them."""

from __future__ import annotations

from torch import Tensor

from nets_deap.networks.interleaved.norm import Norm


class Past:
    """Errors that wait for a convolution with these inputs, whose backward pass adds its own to them.

    So nobody writes them, and reads them again, only to add them.
    norm: whose outputs the inputs are; rectified: whether they are 0 where they were negative
    """

    def __init__(self, norm: Norm, rectified: bool) -> None:
        self.norm, self.rectified = norm, rectified
        self._errors: tuple[Tensor, Tensor | None] | None = None
        self.awaited = 0  # by so many such convolutions

    def leave(self, errors: Tensor, outputs: Tensor | None) -> bool:
        """Whether they may wait here. outputs: where these are 0 there are no errors; None: everywhere"""
        if self.awaited <= 0 or self._errors is not None:
            return False
        self._errors = errors, outputs
        return True

    def taken(self, by_convolution: bool = False) -> tuple[Tensor | None, Tensor | None]:
        """What has waited, which then waits no more."""
        self.awaited -= by_convolution
        errors, self._errors = self._errors, None
        return errors or (None, None)

    def collected(self, error: Tensor | None) -> Tensor | None:
        """The sum of the error and of what no convolution has taken; None if there is neither."""
        waiting, outputs = self.taken()
        if waiting is not None:
            waiting = waiting if outputs is None else waiting * (outputs > 0)
            error = waiting if error is None else waiting + error
        return None if error is None else error.contiguous()
