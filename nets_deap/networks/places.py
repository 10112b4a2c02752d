"""Where the weights and extras of a network lie in one vector, which an optimiser moves as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from torch import Tensor

ALIGNED = 64  # numbers; a GPU's libraries read four at once and refuse a tensor that begins between two fours


@dataclass(frozen=True)
class Places:
    """The parts of a vector: one after the other on a CPU; on a GPU each begins at a multiple of ALIGNED
    numbers, and the gaps between them are zero.

    shapes: of the parts; starts: their first numbers, and after the last part its end
    """

    shapes: tuple[tuple[int, ...], ...]
    starts: tuple[int, ...]

    @classmethod
    def on(cls, device: torch.device | str, shapes: Sequence[tuple[int, ...]]) -> Places:
        step = 1 if torch.device(device).type == "cpu" else ALIGNED
        sizes = [-(-prod(shape) // step) * step for shape in shapes]
        return cls(tuple(shapes), tuple(np.cumsum([0, *sizes]).tolist()))

    def views(self, vector: Tensor) -> list[Tensor]:
        """The parts, [*shape] each, of a vector laid out so; only the first ones if it ends before others."""
        return [
            vector[start : start + prod(shape)].view(shape)
            for shape, start, end in zip(self.shapes, self.starts[:-1], self.starts[1:], strict=True)
            if end <= len(vector)
        ]

    def laid_out(self, values: np.ndarray) -> np.ndarray:
        """All numbers of all parts, [n], in their places."""
        if len(values) == self.starts[-1]:
            return values
        vector = np.zeros(self.starts[-1], values.dtype)
        vector[self._taken()] = values
        return vector

    def gathered(self, vector: Tensor) -> np.ndarray:
        """The numbers of all parts without the gaps, [n], as an array."""
        array = vector.cpu().numpy()
        return array if self._dense else array[self._taken()]

    @property
    def _dense(self) -> bool:
        return sum(map(prod, self.shapes)) == self.starts[-1]

    def _taken(self) -> np.ndarray:
        starts = zip(self.starts[:-1], self.shapes, strict=True)
        return np.concatenate([np.arange(start, start + prod(shape)) for start, shape in starts])
