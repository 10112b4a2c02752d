"""A cluster that tests join, and a map over its workers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from nets_deap.parallel import DaskMap
from tests.parallel.dask_fixture import cluster


@pytest.fixture(scope="module")
def joined() -> Iterator[Any]:
    with cluster() as found:
        yield found


@pytest.fixture
def engine(joined: Any) -> Iterator[DaskMap]:
    with DaskMap(scheduler=joined.scheduler_address) as found:
        yield found
