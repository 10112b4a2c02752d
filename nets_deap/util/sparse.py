"""Places in a vector, and vectors that are mostly zero, in few bytes."""

from __future__ import annotations

from typing import Any

import numpy as np

LONG = 255  # a byte of this value: the gap goes on in the next byte


def coded(places: np.ndarray, size: int) -> bytes:
    """Ascending places int64[k] in a vector of `size`: a bit an element or, if that is less, a byte a gap.

    A gap is the number of elements between two places. At random places the bytes are fewer below a density
    of about 1/8. Other codings of a genome's mask would make its message at most 5 % smaller.
    """
    bits = -(-size // 8)
    if places.size < bits:
        gaps = np.diff(places, prepend=-1) - 1
        ends = np.cumsum(gaps // LONG + 1)
        length = int(ends[-1]) if ends.size else 0
        if length < bits:
            code = np.full(length, LONG, dtype=np.uint8)
            code[ends - 1] = gaps % LONG
            return code.tobytes()
    mask = np.zeros(size, dtype=bool)
    mask[places] = True
    return np.packbits(mask).tobytes()


def decoded(code: bytes, size: int) -> np.ndarray:
    """The places, int64[k]; a code of as many bytes as bits need is bits."""
    told = np.frombuffer(code, dtype=np.uint8)
    if told.size == -(-size // 8):
        return np.flatnonzero(np.unpackbits(told, count=size).view(bool))
    ends = np.flatnonzero(told < LONG)
    return np.cumsum(told, dtype=np.int64)[ends] + np.arange(ends.size)


def packed(vector: Any) -> Any:
    """What `unpacked` makes the same vector of, to the last bit; as it is unless at least half of it is 0."""
    if not (isinstance(vector, np.ndarray) and vector.dtype == np.float32 and vector.ndim == 1):
        return vector
    places = np.flatnonzero(np.ascontiguousarray(vector).view(np.uint32) != 0)  # −0 is no 0
    if 2 * places.size > vector.size:
        return vector
    return vector[places], coded(places, vector.size), vector.size


def unpacked(told: Any) -> Any:
    """The vector that was `packed`."""
    if not isinstance(told, tuple):
        return told
    values, code, size = told
    vector = np.zeros(size, dtype=values.dtype)
    vector[decoded(code, size)] = values
    return vector
