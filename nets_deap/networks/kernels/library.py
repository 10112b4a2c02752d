"""Access to the compiled kernels, through ctypes."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import torch

DTYPES = (torch.float32, torch.float64)
ACTIVATIONS = ("none", "relu", "sigmoid", "tanh")  # in the order of kernels.c
LOSSES = ("cross-entropy", "mse", "binary")  # likewise
INTERFACE = 11  # must equal `interface` in kernels.c: an older library would get the wrong arguments


class KernelLayer(ctypes.Structure):
    """The struct `layer` of mlp.h."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("rows", "cols", "weights", "activation")),
        *(
            (name, ctypes.c_void_p)
            for name in (
                "start",
                "row",
                "col",
                "mask",
                "values",
                "gradient",
                "activations",
                "errors",
                "below",
                "bias",
                "bias_gradient",
            )
        ),
    )


_INT, _REAL, _ADDRESS = ctypes.c_int64, ctypes.c_double, ctypes.c_void_p
_ARGUMENTS = {
    "forward": (_INT, _ADDRESS, _INT, _ADDRESS, _ADDRESS, _ADDRESS),
    "step": (_INT, _ADDRESS, _INT, _INT, _ADDRESS, _ADDRESS, _ADDRESS, _ADDRESS, _INT, _REAL, _REAL),
}


@cache
def library() -> ctypes.CDLL | None:
    """The compiled kernels beside this file; None if they were not built or have another INTERFACE."""
    path = Path(__file__).with_name("_compiled.so")
    try:
        loaded = ctypes.CDLL(str(path))
        loaded.interface.restype = ctypes.c_int64
        if loaded.interface() != INTERFACE:
            return None
        loaded.best_variant.restype = ctypes.c_char_p
    except (OSError, AttributeError):
        return None
    return loaded


def available() -> bool:
    """Have the kernels been built?"""
    return library() is not None


def best_variant() -> str:
    """The widest vectors of this processor: "basic" (16 bytes), "avx2" (32) or "avx512" (64).

    Raises RuntimeError if the kernels are not built.
    """
    built = library()
    if built is None:
        raise RuntimeError("the kernels are not built: at installation a C compiler was missing")
    return built.best_variant().decode()


def kernels(dtype: torch.dtype, variant: str) -> Iterator[Callable[..., None]]:
    """`forward` and `step` for one number type and one width of vectors."""
    for name, arguments in _ARGUMENTS.items():
        kernel = getattr(library(), f"{name}_{str(dtype).removeprefix('torch.')}_{variant}")
        kernel.argtypes = arguments
        yield kernel
