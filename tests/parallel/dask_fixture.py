"""A cluster of two workers for tests, elsewhere as far as a map can tell."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest


@contextmanager
def cluster(workers: int = 2, **options: Any) -> Iterator[Any]:
    """A `LocalCluster` whose workers import this suite, as those of a user import the user's modules."""
    dask = pytest.importorskip("dask")
    distributed = pytest.importorskip("distributed")
    path = os.pathsep.join(filter(None, sys.path))
    config = {
        "distributed.scheduler.allowed-failures": 2,
        "distributed.scheduler.worker-saturation": 1.0,
        "distributed.nanny.environ.PYTHONPATH": path,
        "logging": {"distributed": "critical"},
    }
    with dask.config.set(config):
        given = {"threads_per_worker": 1, "memory_limit": 0, "dashboard_address": ":0", "silence_logs": 50}
        with distributed.LocalCluster(n_workers=workers, **given | options) as found, mended(found):
            yield found


@contextmanager
def mended(found: Any) -> Iterator[None]:
    """Start workers again whose nannies are gone, with workers that died while they started."""
    over = threading.Event()

    def mend() -> None:
        while not over.wait(0.5):
            if len(found.workers) < len(found.worker_spec):
                found.scale(len(found.worker_spec))

    thread = threading.Thread(target=mend)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
