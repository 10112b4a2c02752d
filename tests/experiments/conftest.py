from __future__ import annotations

from pathlib import Path

import pytest

from nets_deap.experiments.comparison import compare
from nets_deap.parallel.serial import SerialMap
from tests.experiments.small import config


@pytest.fixture
def done() -> Path:
    """A finished comparison's folder."""
    compare(config(), Path("done"), SerialMap())
    return Path("done")
