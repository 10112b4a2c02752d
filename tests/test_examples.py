"""Each example runs, and ends with a network in plain PyTorch whose pruned weights have stayed at zero."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
HELPERS = {"journey", "texts"}  # what examples share
JOURNEYS = sorted({path.stem for path in EXAMPLES.glob("*.py")} - HELPERS - {"own_selection"})


def ran(name: str, tmp_path: Path) -> str:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


QUICK = {"regression", "text_classifier"}  # the others are left to `make test-all`


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in JOURNEYS]
)
def test_an_example_goes_all_the_way(name: str, tmp_path: Path) -> None:
    assert "momentum and weight decay: 0 pruned weights are not zero" in ran(name, tmp_path)


def test_there_is_one_of_each_kind() -> None:
    assert JOURNEYS == [
        "gru",
        "regression",
        "residual_cnn",
        "tabular",
        "text_classifier",
        "torchvision_folder",
        "transformer",
    ]
