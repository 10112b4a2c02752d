"""Checksums of arrays and bytes."""

from __future__ import annotations

import zlib

import numpy as np


def crc32(*parts: np.ndarray | bytes) -> str:
    """CRC-32 of all parts in sequence, eight hexadecimal digits."""
    value = 0
    for part in parts:
        value = zlib.crc32(part if isinstance(part, bytes) else part.tobytes(), value)
    return f"{value:08x}"
