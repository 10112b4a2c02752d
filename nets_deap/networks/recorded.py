"""Replay a training step on a GPU as one CUDA graph, because launching its dozens of kernels one by one takes
longer than the kernels of a small network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from nets_deap.models.architecture import Architecture
from nets_deap.models.catalogue import is_own

Step = Callable[..., Tensor]
RECORD_AFTER = 50  # steps; recording takes about as long as they do


def can_record(architecture: Architecture) -> bool:
    """Would a recording of its steps do what they do?

    Not if its module or its loss is a function of the user's own, whose Python code may count or draw, nor if
    training draws random numbers.
    """
    own = is_own(architecture.name) or architecture.criterion.loss.function is not None
    return not own and not architecture.known().draws


class _Recording(NamedTuple):
    graph: torch.cuda.CUDAGraph
    outputs: Tensor


class _Inputs:
    """What steps of one kind read. The fixed tensors are kept, so that their addresses stay their own."""

    def __init__(self, fixed: tuple[Tensor, ...], changing: tuple[Tensor, ...], device: torch.device) -> None:
        self.fixed = fixed
        self.copies = tuple(torch.empty_like(each, device=device) for each in changing)
        self.steps = 0
        self.recording: _Recording | None = None


class Recorder:
    """Runs steps on a GPU: the first ones as they are, then a recording of them, for each kind of inputs.

    A step may allocate memory, but must read and write the same tensors each time. The recording gives the
    same results to the last bit.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._sources: dict[tuple[Any, ...], _Inputs] = {}

    def __call__(self, step: Step, fixed: tuple[Tensor, ...], changing: tuple[Tensor, ...]) -> Tensor:
        """The outputs of `step(*fixed, *copies)`; the changing tensors are copied to one place on the device.

        fixed: tensors on the device, such as a data set. changing: tensors on any device, such as a
        minibatch or its indices. The next step may overwrite the outputs.
        """
        key = (
            *((it.data_ptr(), it.shape, it.stride()) for it in fixed),
            *((it.shape, it.stride(), it.dtype) for it in changing),
        )
        if key not in self._sources:
            self._sources[key] = _Inputs(fixed, changing, self.device)
        source = self._sources[key]
        for copy, each in zip(source.copies, changing, strict=True):
            copy.copy_(each)
        source.steps += 1
        if source.recording is None:
            if source.steps <= RECORD_AFTER:
                return step(*fixed, *source.copies)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                outputs = step(*fixed, *source.copies)
            source.recording = _Recording(graph, outputs)
        source.recording.graph.replay()
        return source.recording.outputs
