"""The kernels for images whose samples lie side by side: convolutions, normalisation, pooling."""

from __future__ import annotations

import ctypes
from functools import cache
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
    )


class Extras(ctypes.Structure):
    """The struct `extras` of conv.h."""

    _fields_ = (*((name, _ADDRESS) for name in ("bias", "errors", "errors_of")), ("rectified", _INT))


class Gradient(ctypes.Structure):
    """The struct `gradient` of conv.h."""

    _fields_ = tuple((name, _ADDRESS) for name in ("outputs", "errors", "totals", "sums", "gradient"))


class Image(ctypes.Structure):
    """The struct `image` of images.h."""

    _fields_ = tuple(
        (name, _INT) for name in ("blocks", "rows", "channels", "cols", "block", "row", "channel", "samples")
    )


_ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "convolve": (_ADDRESS,) * 5,
    "convolve_gradient": (_ADDRESS,) * 4,
    "moments": (_ADDRESS, _INT, _INT, _ADDRESS, _ADDRESS, _ADDRESS),
    "normalise": (_ADDRESS, _INT, _INT, *(_ADDRESS,) * 4, _INT, _ADDRESS),
    "error_sums": (_ADDRESS, _INT, _INT, *(_ADDRESS,) * 6),
    "through_norm": (_ADDRESS, _INT, _INT, *(_ADDRESS,) * 9),
    "pool": (_ADDRESS, _INT, _INT, _INT, _INT, _ADDRESS, _ADDRESS),
    "through_pool": (_ADDRESS, _INT, _INT, _INT, _INT, *(_ADDRESS,) * 4),
}


@cache
def kernel(name: str, dtype: torch.dtype, variant: str = "") -> Any:
    """A function of conv.h or images.h, for one number type and one width of vectors; "": the widest."""
    found = getattr(library(), f"{name}_{str(dtype).removeprefix('torch.')}_{variant or best_variant()}")
    found.argtypes, found.restype = _ARGUMENTS[name], None
    return found


def lanes(dtype: torch.dtype, variant: str = "") -> int:
    """Numbers in a vector."""
    return VECTOR_BYTES[variant or best_variant()] // dtype.itemsize
