"""Every method and control finds on a GPU what it finds on a CPU, up to rounding."""

from __future__ import annotations

import numpy as np
import pytest

from nets_deap.networks import recorded
from nets_deap.networks.kernels import library
from tests.conftest import needs_gpu
from tests.devices import methods


@needs_gpu
@pytest.mark.parametrize("arch", ["mlp-10", "tests.devices.methods:small", "resnet-8"])
@pytest.mark.parametrize("spec", methods.specs())
def test_methods_and_controls_find_the_same(spec: str, arch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded, "RECORD_AFTER", 1)
    monkeypatch.setattr(library, "available", lambda: False)
    row = methods.told(spec, methods.problem_of(arch), "cuda")
    if "refused" in row:
        assert spec.startswith("es"), row
        pytest.skip(row["refused"])
    np.testing.assert_allclose(*row["losses"], rtol=1e-3)
    assert row["same"] > 0.999, row
