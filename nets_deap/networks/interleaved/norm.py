"""What a batch normalisation keeps from its forward pass to its backward pass."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from nets_deap.networks.interleaved.layout import Arena, Layout
from nets_deap.networks.kernels import images
from nets_deap.networks.kernels.images import SAMPLES

MEAN, SCALE, SHIFT, OF_WEIGHT, OF_BIAS, OF_ALL, OF_EACH = range(7)  # the numbers, as the struct has them


class Norm:
    """A batch normalisation of images in the layout: (x − mean) · weight / √(variance + eps) + bias.

    weight, bias: [channels], or None. All values of a channel count alike, those of missing samples do not.
    whole: the errors of its outputs whose sums a convolution has gathered, or None
    """

    def __init__(
        self, layout: Layout, dtype: torch.dtype, weight: Tensor | None, bias: Tensor | None
    ) -> None:
        self.layout, self.weight, self.bias = layout, weight, bias
        self.whole: Tensor | None = None
        blocks, channels = layout.blocks, layout.channels
        self.sums = torch.empty(blocks, channels, 2 * SAMPLES + 1, dtype=dtype)  # and the pivots
        self.inverse = torch.empty(channels, dtype=torch.float64)
        self.numbers = torch.empty(7, channels, dtype=dtype)
        sums, numbers, size = self.sums.data_ptr(), self.numbers.data_ptr(), channels * dtype.itemsize
        self.struct = images.Norm(
            None, layout.samples, *(None if each is None else each.data_ptr() for each in (weight, bias)),
            0, 0, None, None, sums, sums + 2 * SAMPLES * blocks * size, self.inverse.data_ptr(),
            *(numbers + i * size for i in range(7)), 0, None,
        )  # fmt: skip
        self.address = ctypes.addressof(self.struct)

    def of(self, x: Tensor) -> None:
        """Normalise x."""
        self.x, self.struct.x = x, self._place(x)

    def measure(self) -> None:
        """Gather the sums of x."""
        self._call("moments", self.layout.blocks)

    def settle(self, running: tuple[Tensor, Tensor] | None, momentum: float, eps: float) -> None:
        """Take mean and variance of x from the sums, and move those that are running."""
        self.struct.eps, self.struct.momentum = eps, momentum
        if running:
            self.struct.running_mean, self.struct.running_variance = (each.data_ptr() for each in running)
        self._settle("settle_moments")

    def take(self, mean: Tensor, variance: Tensor, eps: float) -> None:
        """Take a given mean and variance."""
        scale = (variance.double() + eps).rsqrt_()
        scale = scale if self.weight is None else scale * self.weight
        self.numbers[SCALE] = scale
        self.numbers[SHIFT] = -mean * scale if self.bias is None else self.bias - mean * scale

    def apply(self, past: Tensor | None, rectified: bool, arena: Arena) -> Tensor:
        """The normalised x + past, and 0 where that is negative if `rectified`."""
        out = arena.take(self.layout)
        self.struct.rectified = rectified
        self._call("normalise", self.layout.blocks, past, out)
        return out

    def error_sums(self, errors: Tensor, outputs: Tensor | None, rectified: bool) -> bool:
        """Gather the sums of the errors, unless they are `whole`, and take what follows from them.

        Whether they were: there are no errors then where outputs that were rectified are 0.
        outputs: of `apply`, if it has rectified a sum
        """
        whole, self.whole = self.whole, None
        known = whole is not None and whole.data_ptr() == errors.data_ptr()
        self.struct.rectified = rectified and not known
        self.struct.outputs = self._place(outputs)
        if not known:
            self._call("error_sums", self.layout.blocks, errors)
        self._settle("settle_errors")
        return known

    def through(self, errors: Tensor, below: Tensor, past: Tensor | None) -> None:
        """Write the errors of x, and of what was added, unless that is None."""
        self._call("through_norm", self.layout.blocks, errors, below, past)

    def gradients(self, needed: tuple[bool, ...]) -> list[Tensor | None]:
        """Of weight and bias."""
        both = self.numbers[OF_WEIGHT : OF_BIAS + 1].clone().unbind()
        return [each if is_needed else None for each, is_needed in zip(both, needed, strict=True)]

    def _place(self, data: Tensor | None) -> int | None:
        return None if data is None else data.data_ptr() + self.layout.at() * data.itemsize

    def _settle(self, name: str) -> None:
        images.call_here(name, self.numbers.dtype, self.layout.channels, self.layout.image, self.address)

    def _call(self, name: str, count: int, *data: Tensor | None) -> None:
        images.call(name, self.numbers.dtype, count, self.layout.image, self.address, *map(self._place, data))
