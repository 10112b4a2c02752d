"""Kernels in each width of vectors."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nets_deap.networks.kernels import images, library


@pytest.fixture(params=["basic", "avx2", "avx512"])
def variant(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Each width of vectors that this processor has."""
    widths = [*images.VECTOR_BYTES]
    if widths.index(request.param) > widths.index(library.best_variant()):
        pytest.skip("not on this processor")
    monkeypatch.setattr(images, "best_variant", lambda: request.param)
    images.kernel.cache_clear()
    yield request.param
    images.kernel.cache_clear()
