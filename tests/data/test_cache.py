from __future__ import annotations

import itertools
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nets_deap.data import cache, images
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


@pytest.fixture
def photographs(monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of twelve images, and a cache of the user's own that keeps even so few."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(Path("home").absolute()))
    monkeypatch.setattr(cache, "FEW", 1)
    rng = np.random.default_rng(0)
    for part, i in itertools.product(("train", "test"), range(12)):
        place = Path("mine", part, "ab"[i % 2], f"{i}.png")
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)).save(place)
    return Path("mine")


def test_a_folder_of_images_is_decoded_once(photographs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = sorted(photographs.rglob("*"))
    first = images.read(photographs / "train")
    assert sorted(photographs.rglob("*")) == files  # nothing lies beside the data
    with monkeypatch.context() as patched:
        patched.setattr(images, "_opened", None)  # whoever opens an image fails
        again = images.read(photographs / "train")
    assert (again.x == first.x).all()
    assert (again.y == first.y).all()
    changed = photographs / "train/a/0.png"
    Image.fromarray(np.full((4, 4, 3), 7, dtype=np.uint8)).save(changed)
    os.utime(changed, ns=(1, 1))
    assert (images.read(photographs / "train").x[0] == 7).all()
    (photographs / "train/b/1.png").unlink()
    assert len(images.read(photographs / "train").x) == 11


def test_what_nobody_asks_for_is_removed_and_what_is_damaged_made_again(photographs: Path) -> None:
    for part in ("train", "test"):
        images.read(photographs / part)
    kept = sorted(Path("home/nets-deap").glob("folder-*"))
    assert len(kept) == 2
    os.utime(kept[0], (1, 1))
    kept[1].write_bytes(b"x")
    before = images.read(photographs / "train").x
    after = images.read(photographs / "test").x
    assert (before.shape, after.shape) == ((12, 3, 4, 4), (12, 3, 4, 4))
    assert kept[1].stat().st_size > 100
    images.read(photographs / "train")
    assert all(path.stat().st_mtime > 1 for path in Path("home/nets-deap").glob("folder-*"))


def test_without_a_place_for_a_cache_all_is_as_ever(
    photographs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("home").write_text("a file", encoding="utf-8")
    assert len(images.read(photographs / "train").x) == 12
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError))
    assert len(images.read(photographs / "train").x) == 12
