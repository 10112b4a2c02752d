"""Checksums that tell one content from another."""

from __future__ import annotations

import zlib

import numpy as np


def crc32(*parts: np.ndarray | bytes) -> str:
    """Of all parts one after another, eight hexadecimal digits."""
    value = 0
    for part in parts:
        value = zlib.crc32(part if isinstance(part, bytes) else part.tobytes(), value)
    return f"{value:08x}"
