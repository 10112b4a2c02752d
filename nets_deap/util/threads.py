"""How torch computes: in one thread, as in a new process, and without denormal numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any


@contextmanager
def as_usual() -> Iterator[None]:
    """Torch as it is in a new process, whatever the caller has set.

    Gradients are recorded, new tensors are float32 on the CPU, and nothing is computed in another precision:
    on a GPU not even convolutions, which torch rounds to TF32 by default. Transformers take the same path in
    scoring as in training: torch's faster one approximates GELU on a GPU, which moves outputs by 2e-4.
    It works as a decorator, too.
    """
    import torch

    with ExitStack() as stack:
        if torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        if (dtype := torch.get_default_dtype()) != torch.float32:
            torch.set_default_dtype(torch.float32)
            stack.callback(torch.set_default_dtype, dtype)
        if (precision := torch.get_float32_matmul_precision()) != "highest":
            torch.set_float32_matmul_precision("highest")
            stack.callback(torch.set_float32_matmul_precision, precision)
        for place, name, exact in _convolutions(torch.backends.cudnn):
            stack.callback(setattr, place, name, getattr(place, name))
            setattr(place, name, exact)
        if torch.backends.mha.get_fastpath_enabled():
            torch.backends.mha.set_fastpath_enabled(False)
            stack.callback(torch.backends.mha.set_fastpath_enabled, True)
        if torch.empty(0).device.type != "cpu":  # get_default_device fails in torch 2.4 once it was reset
            stack.enter_context(torch.device("cpu"))
        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        yield


def _convolutions(cudnn: Any) -> list[tuple[Any, str, Any]]:
    """What says how a GPU's convolutions round: object, attribute, and the value for float32."""
    try:
        return [(cudnn, "allow_tf32", False)] if cudnn.allow_tf32 else []
    except RuntimeError:  # since torch 2.9, if a caller has set it by its newer names
        return [(cudnn.conv, "fp32_precision", "ieee"), (cudnn.rnn, "fp32_precision", "ieee")]


@contextmanager
def one_thread() -> Iterator[None]:
    """`as_usual`, in one thread: every map gives the same bits, and workers do not compete for cores."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with as_usual():
            yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Treat denormal numbers as zero in this thread, in the compiled kernels too.

    Once a network has learnt its training samples, its errors, and with them Adam's moments, shrink towards
    zero without end. A processor takes a hundred times as long for denormal numbers.
    """
    import numpy as np
    import torch

    for kind in (np.float32, np.float64):
        np.finfo(kind)  # kept from now on: numpy 2.0 warns if it looks for the first time without denormals
    before = float(torch.tensor(1e-39) / 2) == 0  # torch has no getter for this
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)
