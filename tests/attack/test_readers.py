"""Small attacks on every reader; NETS_ATTACK_CASES says how many cases, `python -m tests.attack` has more."""

from __future__ import annotations

import os
import time

import pytest

from tests.attack.attacking import attack
from tests.attack.readers import READERS

CASES = int(os.environ.get("NETS_ATTACK_CASES", "60"))


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_a_result_or_one_line(name: str) -> None:
    seed = int(time.time()) if CASES > 1000 else 1
    assert attack(READERS[name], CASES, seed) == {}
