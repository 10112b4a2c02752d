"""How a minibatch lies in memory, so that one vector holds a value of 16 samples."""

from __future__ import annotations

import mmap
import weakref
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

import torch
from torch import Tensor

from nets_deap.networks.kernels.images import SAMPLES, Image

MARGIN = 1  # pixels of zeros around each image: convolutions of 3 × 3 need no other padding


@dataclass(frozen=True)
class Layout:
    """Images [samples, channels, rows, cols] as [blocks, rows, channels, cols, SAMPLES] with zeros around.

    Samples that are missing in the last block are there, too. Whatever they are, their errors are zero.
    flat: features [samples, channels] as the image [1, 1, channels, blocks, SAMPLES] without a margin
    """

    samples: int
    channels: int
    rows: int = 1
    cols: int = 1
    margin: int = MARGIN
    flat: bool = False

    @cached_property
    def blocks(self) -> int:
        return -(-self.samples // SAMPLES)

    @cached_property
    def allocated(self) -> tuple[int, ...]:
        """The shape in memory."""
        if self.flat:
            return 1, 1, self.channels, self.blocks, SAMPLES
        wider = 2 * self.margin
        return self.blocks, self.rows + wider, self.channels, self.cols + wider, SAMPLES

    @cached_property
    def shape(self) -> torch.Size:
        """The shape as users see it."""
        pixels = () if self.flat else (self.rows, self.cols)
        return torch.Size((self.samples, self.channels, *pixels))

    @cached_property
    def image(self) -> Image:
        """The same for the kernels."""
        blocks, rows, channels, cols, _ = self.allocated
        channel = cols * SAMPLES
        row = channels * channel
        wider = 0 if self.flat else 2 * self.margin
        samples = blocks * SAMPLES if self.flat else self.samples
        return Image(blocks, rows - wider, channels, cols - wider, rows * row, row, channel, samples)

    @cached_property
    def block(self) -> Layout:
        """Of what the kernels take as one block."""
        return self if self.flat else replace(self, samples=SAMPLES)

    def at(self, row: int = 0, col: int = 0) -> int:
        """How far a pixel of the first channel is from the beginning, in numbers; negative: in the margin."""
        margin = 0 if self.flat else self.margin
        return int((row + margin) * self.image.row + (col + margin) * SAMPLES)

    def within(self, data: Tensor) -> Tensor:
        """The view of `data`, of the allocated shape, without the margin."""
        if self.flat or not self.margin:
            return data
        m = self.margin
        return data[:, m : m + self.rows, :, m : m + self.cols]


HUGE = 2**21  # bytes of a huge page


def _zeros(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Zeros, in huge pages on Linux: a layer reads several images at once, and each of them far apart."""
    size = prod(shape) * dtype.itemsize
    if size < HUGE or not hasattr(mmap, "MADV_HUGEPAGE"):
        return torch.zeros(shape, dtype=dtype)
    memory = mmap.mmap(-1, size + HUGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    found = torch.frombuffer(memory, dtype=torch.uint8)
    start = -found.data_ptr() % HUGE
    with suppress(OSError):  # a kernel without them
        memory.madvise(mmap.MADV_HUGEPAGE, start, size // HUGE * HUGE)
    return found[start : start + size].view(dtype).view(shape)


class Arena:
    """Buffers of a training step, used again in the next one, in the same order.

    So no step waits for new memory, and margins are set to zero only once. What `take` gives is valid until
    `begin` is called again, and what `passing` gives, as long as somebody holds this very tensor: an error,
    which soon is read no more, so that the next one is written where the cache is warm.
    """

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype
        self._buffers: list[tuple[Layout, Tensor]] = []
        self._next = 0
        self._free: dict[Layout, list[Tensor]] = {}

    def begin(self) -> None:
        self._next = 0

    def take(self, layout: Layout) -> Tensor:
        """A buffer with zeros in its margin, and anything within."""
        place, self._next = self._next, self._next + 1
        if place == len(self._buffers):
            self._buffers.append((layout, _zeros(layout.allocated, self.dtype)))
        elif self._buffers[place][0] != layout:
            self._buffers[place] = layout, _zeros(layout.allocated, self.dtype)
        return self._buffers[place][1].detach()  # a tensor of its own, with a history of its own

    def passing(self, layout: Layout) -> Tensor:
        """The same until the tensor is dropped."""
        free = self._free.setdefault(layout, [])
        buffer = free.pop() if free else _zeros(layout.allocated, self.dtype)
        given = buffer.detach()
        weakref.finalize(given, free.append, buffer)
        return given
