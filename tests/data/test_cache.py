from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from nets_deap.data.cache import cached
from nets_deap.data.loading import load


def make(value: int) -> dict[str, np.ndarray]:
    return {"x": np.array([value])}


@pytest.fixture
def raw() -> list[Path]:
    for name in "ab":
        Path(name).write_text(name, encoding="utf-8")
    return [Path("a"), Path("b")]


def test_it_is_made_once_for_each_content(raw: list[Path]) -> None:
    assert cached(raw, "set", lambda: make(1))["x"] == 1
    assert cached(raw, "set", lambda: make(2))["x"] == 1
    raw[0].write_text("other")
    assert cached(raw, "set", lambda: make(3))["x"] == 3


def test_without_files_there_is_nothing_to_keep() -> None:
    assert cached([], "set", lambda: make(1))["x"] == 1
    assert list(Path().iterdir()) == []


def test_a_damaged_cache_is_made_again(raw: list[Path]) -> None:
    cached(raw, "set", lambda: make(1))
    (kept,) = Path().glob("set-*")
    kept.write_bytes(kept.read_bytes()[:20])
    assert cached(raw, "set", lambda: make(2))["x"] == 2
    assert cached(raw, "set", lambda: make(3))["x"] == 2


def test_beside_read_only_data_the_users_cache_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(Path("home").absolute()))
    Path("shared").mkdir()
    raw = [Path("shared/a")]
    raw[0].touch()
    Path("shared").chmod(0o555)
    try:
        cached(raw, "set", lambda: make(1))
        assert cached(raw, "set", lambda: make(2))["x"] == 1
        assert [p.name for p in Path("shared").iterdir()] == ["a"]
        assert len(list(Path("home/nets-deap").iterdir())) == 1
    finally:
        Path("shared").chmod(0o755)


def write_idx(path: Path, array: np.ndarray) -> None:
    """The format of MNIST's files: two zeros, type, dimensions, sizes, bytes."""
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


def test_a_data_set_is_read_again_without_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = Path("data/MNIST/raw")
    raw.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for part, n in (("train", 100), ("t10k", 20)):
        write_idx(raw / f"{part}-images-idx3-ubyte", rng.integers(0, 256, (n, 28, 28)))
        write_idx(raw / f"{part}-labels-idx1-ubyte", np.arange(n) % 10)
    folder = str(Path("data").absolute())
    first = load("mnist", folder)
    load.cache_clear()
    monkeypatch.setitem(sys.modules, "torchvision", None)  # importing it now fails
    again = load("mnist", folder)
    assert again.checksum == first.checksum
    assert again.train.x.equal(first.train.x)
    assert again.test.y.tolist() == [i % 10 for i in range(20)]


def test_what_a_kill_left_of_a_cache_is_swept_once_it_is_old(raw: list[Path]) -> None:
    cached(raw, "set", lambda: make(1))
    (kept,) = Path().glob("set-*")
    kept.unlink()
    old, new = (Path(f".{kept.name}.{number}.nets-deap-tmp") for number in ("77", "0123456789abcdef"))
    old.touch()
    new.touch()  # perhaps of a process that is writing
    os.utime(old, (0, 0))
    cached(raw, "set", lambda: make(1))
    assert (old.exists(), new.exists(), kept.exists()) == (False, True, True)
