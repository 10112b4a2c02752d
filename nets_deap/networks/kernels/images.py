"""The kernels for images whose samples lie side by side: convolutions, normalisation, pooling."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from typing import Any

import torch

from nets_deap.networks.kernels.library import best_variant, library

SAMPLES = 16  # side by side, as in kernels.c
VECTOR_BYTES = {"basic": 16, "avx2": 32, "avx512": 64}

_INT, _ADDRESS = ctypes.c_int64, ctypes.c_void_p


class Convolution(ctypes.Structure):
    """The struct `convolution` of conv.h."""

    _fields_ = (
        *((name, _INT) for name in ("blocks", "channels", "rows", "cols")),
        *((name, _INT) for name in ("in_block", "in_row", "in_col")),
        *((name, _INT) for name in ("out_block", "out_row", "out_col", "out_channel")),
        *((name, _ADDRESS) for name in ("start", "offset")),
        ("reach", _INT),
    )


class Extras(ctypes.Structure):
    """The struct `extras` of conv.h."""

    _fields_ = (
        *((name, _ADDRESS) for name in ("bias", "errors", "errors_of")),
        ("rectified", _INT),
        *((name, _ADDRESS) for name in ("norm", "x", "outputs")),
    )


class Gradient(ctypes.Structure):
    """The struct `gradient` of conv.h."""

    _fields_ = tuple(
        (name, _ADDRESS) for name in ("outputs", "norm", "past", "left", "totals", "sums", "gradient")
    )


class Part(ctypes.Structure):
    """The struct `part` of conv.h."""

    _fields_ = (
        *((name, _ADDRESS) for name in ("convolution", "value", "more")),
        ("source", _INT),
        ("out", _ADDRESS),
    )


class Norm(ctypes.Structure):
    """The struct `norm` of norm.h."""

    _fields_ = (
        ("x", _ADDRESS),
        ("samples", _INT),
        *((name, _ADDRESS) for name in ("weight", "bias")),
        *((name, ctypes.c_double) for name in ("eps", "momentum")),
        *((name, _ADDRESS) for name in ("running_mean", "running_variance", "sums", "pivot", "inverse")),
        *((name, _ADDRESS) for name in ("mean", "scale", "shift")),
        *((name, _ADDRESS) for name in ("of_weight", "of_bias", "of_all", "of_each")),
        ("rectified", _INT),
        ("outputs", _ADDRESS),
    )


class Image(ctypes.Structure):
    """The struct `image` of norm.h."""

    _fields_ = tuple(
        (name, _INT) for name in ("blocks", "rows", "channels", "cols", "block", "row", "channel", "samples")
    )


_ARGUMENTS: dict[str, tuple[Any, ...]] = {  # after the struct, and the first and the end of a range
    "convolve": (_ADDRESS,) * 4,
    "convolve_back": (*(_ADDRESS,) * 3, _INT, _ADDRESS),
    "moments": (_ADDRESS,),
    "settle_moments": (_ADDRESS,),
    "normalise": (_ADDRESS,) * 3,
    "error_sums": (_ADDRESS,) * 2,
    "settle_errors": (_ADDRESS,),
    "through_norm": (_ADDRESS,) * 4,
    "pool": (*(_INT,) * 4, *(_ADDRESS,) * 2),
    "through_pool": (*(_INT,) * 4, *(_ADDRESS,) * 4),
}


@cache
def kernel(name: str, dtype: torch.dtype) -> Any:
    """A function of norm.h, conv.h or pool.h, for one number type and the widest vectors."""
    found = getattr(library(), f"{name}_{str(dtype).removeprefix('torch.')}_{best_variant()}")
    found.argtypes, found.restype = (_ADDRESS, _INT, _INT, *_ARGUMENTS[name]), None
    return found


def lanes(dtype: torch.dtype) -> int:
    """Numbers in a vector."""
    return VECTOR_BYTES[best_variant()] // dtype.itemsize


_own = threading.local()  # threads: how many kernels may take; pool: those besides this one


@contextmanager
def threads_of_our_own() -> Iterator[None]:
    """Kernels take as many threads as torch had, and torch takes one.

    Torch's other threads would go on looking for work on the cores that the kernels are to have. Ours end
    with the block: a process with several threads cannot fork workers.
    """
    if (threads := torch.get_num_threads()) == 1:
        yield
        return
    torch.set_num_threads(1)
    _own.threads = threads
    try:  # every training treats denormal numbers as zero
        with ThreadPoolExecutor(
            threads - 1, initializer=torch.set_flush_denormal, initargs=(True,)
        ) as _own.pool:
            yield
    finally:
        _own.threads = 1
        torch.set_num_threads(threads)


def parts(count: int) -> list[tuple[int, int]]:
    """Ranges that together are 0 … count − 1, one for each thread."""
    return _parts(count, max(1, min(getattr(_own, "threads", 1), count)))


@cache
def _parts(count: int, threads: int) -> list[tuple[int, int]]:
    return list(pairwise(count * i // threads for i in range(threads + 1)))


def call_here(name: str, dtype: torch.dtype, count: int, struct: ctypes.Structure, *arguments: Any) -> None:
    """The same in this thread: what takes less time than to wake another."""
    kernel(name, dtype)(ctypes.byref(struct), 0, count, *arguments)


def call(name: str, dtype: torch.dtype, count: int, struct: ctypes.Structure, *arguments: Any) -> None:
    """Compute `count` blocks or channels, which do not depend on each other, in several threads.

    An argument that is a list has one value for each thread.
    """
    if len(ranges := parts(count)) == 1:
        call_here(
            name, dtype, count, struct, *(each[0] if isinstance(each, list) else each for each in arguments)
        )
        return
    function, given = kernel(name, dtype), ctypes.byref(struct)

    def compute(i: int) -> None:
        own = (each[i] if isinstance(each, list) else each for each in arguments)
        function(given, *ranges[i], *own)

    waiting = [_own.pool.submit(compute, i) for i in range(1, len(ranges))]
    compute(0)
    for each in waiting:
        each.result()
