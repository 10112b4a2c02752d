"""Copy the samples of a minibatch out of a data set."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor


class Gatherer:
    """Copies minibatches into buffers, which it allocates once for each size, shape, dtype and device."""

    def __init__(self) -> None:
        self._buffers: dict[Any, tuple[Tensor, ...]] = {}

    def __call__(self, x: Tensor, targets: Tensor, chosen: np.ndarray | Tensor | None) -> tuple[Tensor, ...]:
        """The chosen samples [b, *shape] and their targets [b, outputs]. The next call overwrites them.

        chosen: int64[b], indices into x and targets, or a tensor of them; None: all samples, without a copy
        """
        if chosen is None:
            return x, targets
        sources = (x, targets)
        kind = (len(chosen), *((source.shape[1:], source.dtype, source.device) for source in sources))
        if kind not in self._buffers:
            self._buffers[kind] = tuple(
                source.new_empty(len(chosen), *source.shape[1:]) for source in sources
            )
        places = chosen if isinstance(chosen, Tensor) else torch.from_numpy(chosen)
        places = places.to(x.device, non_blocking=True)
        for source, buffer in zip(sources, self._buffers[kind], strict=True):
            torch.index_select(source, 0, places, out=buffer)
        return self._buffers[kind]
