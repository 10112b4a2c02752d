"""Places and sparse vectors in few bytes come back as they were."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from nets_deap.util.sparse import coded, decoded, packed, unpacked


@pytest.mark.parametrize(
    ("places", "size", "code"),
    [
        ([0, 3], 4, bytes([0b10010000])),  # bits
        ([], 4, b""),
        ([5], 64, bytes([5])),  # gaps: fewer bytes than 8
        ([5, 6, 60], 64, bytes([5, 0, 53])),
        ([254, 511], 8000, bytes([254, 255, 1])),
        ([255, 511], 8000, bytes([255, 0, 255, 0])),
    ],
)
def test_known_codes(places: list[int], size: int, code: bytes) -> None:
    assert coded(np.array(places, dtype=np.int64), size) == code
    assert decoded(code, size).tolist() == places


@given(st.integers(0, 3000), st.sampled_from([0.0, 0.002, 0.02, 0.1, 0.5, 1.0]), st.integers(0, 99))
def test_any_places_come_back_in_no_more_bytes_than_bits_take(size: int, density: float, seed: int) -> None:
    places = np.flatnonzero(np.random.default_rng(seed).random(size) < density)
    code = coded(places, size)
    assert len(code) <= -(-size // 8)
    assert decoded(code, size).tolist() == places.tolist()


@given(arrays.arrays(np.float32, st.integers(0, 40), fill=st.just(0.0)))
def test_any_vector_comes_back_to_the_last_bit(vector: np.ndarray) -> None:
    back = unpacked(packed(vector))
    assert (back.tobytes(), back.dtype) == (vector.tobytes(), vector.dtype)


def test_only_what_is_mostly_zero_is_packed() -> None:
    vector = np.array([0, -0.0, 2, 0], dtype=np.float32)
    values, code, size = packed(vector)
    assert (values.tolist(), code, size) == ([-0.0, 2.0], bytes([0b01100000]), 4)
    dense = np.array([0, 1, 2, 3], dtype=np.float32)
    assert packed(dense) is dense
