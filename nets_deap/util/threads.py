"""How torch computes: in one thread, and without denormal numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute in one thread: every map gives the same bits, and workers do not compete for cores."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Treat denormal numbers as zero in this thread, in the compiled kernels too.

    Once a network has learnt its training samples, its errors, and with them Adam's moments, shrink towards
    zero without end. A processor takes a hundred times as long for denormal numbers.
    """
    import torch

    before = float(torch.tensor(1e-39) / 2) == 0  # torch has no getter for this
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)
