"""Every method and control computes on the problem's device, and finds there what it finds on a CPU."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nets_deap.search.controls import CONTROLS
from nets_deap.search.registry import METHODS, needs
from tests.devices.pretended import can_be_pretended

pytestmark = pytest.mark.skipif(not can_be_pretended(), reason="this torch lets no device be pretended")

TRAINING = ("imp", "lineage", "permuted")  # of the controls
STEPS = 4  # of the training to the end, each of which takes operations there
MIXED = """
import os
import torch
from tests.devices.pretended import Pretended

def raises(call):
    try:
        call()
    except (RuntimeError, TypeError):
        return True

with Pretended():
    there, here = torch.ones(3, device="other", requires_grad=True), torch.ones(3)
    (slope,) = torch.autograd.grad((there * there).sum(), there)
    print([
        str(there.device), slope.cpu().tolist(), float(there.sum()), there[here.long()].device.type,
        raises(lambda: there + here), raises(lambda: there.detach().numpy()), raises(lambda: here @ there),
        raises(lambda: here[there.detach().long()]), raises(lambda: torch.stack([here[0], there[0]])),
        raises(lambda: there.detach().index_put_((here.long(),), here)), raises(lambda: there + here[0]),
    ], flush=True)
os._exit(0)
"""


def run(*words: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", *words],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_what_is_pretended_mixes_with_a_cpu_as_little_as_a_gpu() -> None:
    assert run("-c", MIXED).strip() == str(["other:0", [2.0, 2.0, 2.0], 3.0, "other", *6 * [True], None])


@pytest.mark.parametrize("arch", ["mlp-10", "tests.devices.methods:small"])
def test_methods_and_controls_compute_where_they_are_told(arch: str) -> None:
    rows = [json.loads(line) for line in run("-m", "tests.devices.methods", arch).splitlines()]
    names = [row["method"].partition(":")[0] for row in rows]
    assert names == [*METHODS, *(f"random+{control}" for control in CONTROLS)]
    for row in rows:
        if "refused" in row:
            assert row["method"].startswith("es"), row
            continue
        assert row["operations"] > 30 * STEPS, row
        name, _, control = row["method"].partition("+")
        wanted = needs(name.partition(":")[0]) & {"gradients", "training"} or control in TRAINING
        assert row["searched"] > 0 if wanted else row["searched"] == 0, row
        assert row["same"] == 1, row
        assert row["apart"] < 1e-6, row
        np.testing.assert_allclose(*row["losses"], rtol=1e-5, err_msg=row["method"])
