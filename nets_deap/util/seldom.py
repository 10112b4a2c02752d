"""Saving as work goes on, so seldom that it costs next to nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

OFTEN = 10.0  # seconds between two writings at least, and before the first one
SHARE = 0.05  # of the time, which writing may take at most


class Seldom:
    """Says when it is time to write again."""

    def __init__(self) -> None:
        self._due = time.monotonic() + OFTEN

    def due(self) -> bool:
        return time.monotonic() >= self._due

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Within this block something is written."""
        start = time.monotonic()
        yield
        end = time.monotonic()
        self._due = end + max(OFTEN, (end - start) / SHARE)
