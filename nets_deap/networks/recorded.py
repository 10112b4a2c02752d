"""Replay a training step on a GPU as one CUDA graph, because launching its dozens of kernels one by one takes
longer than the kernels of a small population."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

Step = Callable[[Tensor, Tensor, Tensor], Tensor]
RECORD_AFTER = 50  # steps; recording takes about as long as they do


class _Recording(NamedTuple):
    graph: torch.cuda.CUDAGraph
    places: Tensor  # what the graph reads the minibatch's indices from
    outputs: Tensor


class _Source:
    """A data set that steps draw minibatches of one size from. Kept, so that its address stays its own."""

    def __init__(self, x: Tensor, targets: Tensor) -> None:
        self.x, self.targets = x, targets
        self.steps = 0
        self.recording: _Recording | None = None


class Recorder:
    """Runs steps on a GPU: the first ones as they are, then a recording of them, for each size of minibatch.

    A step may allocate memory, but must read and write the same tensors each time. The recording gives the
    same results to the last bit.
    """

    def __init__(self) -> None:
        self._sources: dict[tuple[Any, ...], _Source] = {}

    def __call__(self, step: Step, x: Tensor, targets: Tensor, chosen: np.ndarray) -> Tensor:
        """The outputs of `step(x, targets, places)`, where `places` are the chosen indices, on the device.

        x, targets: samples [n, …] and their targets on a GPU; chosen: int64[b]. The next step may overwrite
        the outputs.
        """
        key = (len(chosen), *((it.data_ptr(), it.shape, it.stride()) for it in (x, targets)))
        source = self._sources.setdefault(key, _Source(x, targets))
        indices = torch.from_numpy(chosen)
        source.steps += 1
        if source.recording is None:
            places = indices.to(x.device)
            if source.steps <= RECORD_AFTER:
                return step(x, targets, places)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                outputs = step(x, targets, places)
            source.recording = _Recording(graph, places, outputs)
        source.recording.places.copy_(indices)
        source.recording.graph.replay()
        return source.recording.outputs
