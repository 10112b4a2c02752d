from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nets_deap.data.loading import load
from nets_deap.data.sources import DATASETS
from nets_deap.util.errors import NetsError
from tests.conftest import MNIST_DIR, needs_mnist


def write_images(root: Path, size: int = 6, classes: str = "ab", per_class: int = 20) -> None:
    rng = np.random.default_rng(0)
    for part in ("train", "test"):
        for shade, name in enumerate(classes):
            folder = root / part / name
            folder.mkdir(parents=True)
            for i in range(per_class):
                pixels = rng.integers(0, 100, (size, size, 3), dtype=np.uint8) + 100 * shade
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{i}.png")


def test_digits_has_a_stratified_fifth_for_testing_and_a_tenth_of_the_rest_for_validation() -> None:
    data = load("digits")
    assert [len(p.y) for p in (data.train, data.validation, data.test)] == [1293, 144, 360]
    assert data.input_shape == (1, 8, 8)
    assert data.classes == 10
    assert data.train.x.mean().abs() < 0.01
    assert data.train.x.std() == pytest.approx(1, abs=0.01)
    assert torch.bincount(data.validation.y).tolist() == pytest.approx([14.4] * 10, abs=1.5)


def test_the_parts_have_no_sample_in_common() -> None:
    data = load("digits")
    seen = [
        {tuple(x.flatten().tolist()) for x in part.x} for part in (data.train, data.validation, data.test)
    ]
    assert not seen[0] & seen[1]
    assert not (seen[0] | seen[1]) & seen[2]


def test_the_split_has_a_seed_of_its_own() -> None:
    a, b = load("digits", split_seed=1), load("digits", split_seed=2)
    assert not torch.equal(a.validation.x, b.validation.x)
    assert torch.equal(a.test.y, b.test.y)
    assert a.checksum != b.checksum


def test_xor_is_labelled_by_the_rounded_coordinates() -> None:
    data = load("xor")
    assert [len(p.y) for p in (data.train, data.validation, data.test)] == [1000, 100, 1000]
    x, y = data.train.x, data.train.y
    assert ((x[:, 0] > 0.5) != (x[:, 1] > 0.5)).long().equal(y)
    assert 0 <= x.min() < 0.01


def test_xor_corners_are_the_four_corners() -> None:
    data = load("xor-corners")
    assert data.train.x.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert data.train.y.tolist() == [0, 1, 1, 0]
    assert torch.equal(data.train.x, data.test.x)


def test_a_limit_takes_a_stratified_subset_and_leaves_the_test_set() -> None:
    data = load("digits", limit=100)
    assert len(data.train.y) + len(data.validation.y) == 100
    assert len(data.test.y) == 360
    assert torch.bincount(data.train.y).tolist() == pytest.approx([9] * 10, abs=1.5)


@pytest.mark.parametrize("name", [n for n in DATASETS if n not in ("digits", "xor", "xor-corners")])
def test_missing_data_says_what_to_do(name: str) -> None:
    with pytest.raises(NetsError, match=r"`data_dir`.*`download`.*`dataset` digits") as raised:
        load(name, str(Path("nowhere").absolute()))
    assert "\n" not in str(raised.value)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(NetsError, match="did you mean 'fashion-mnist'"):
        load("fashionmnist")


def test_ones_own_images() -> None:
    write_images(Path("mine"))
    data = load(f"folder:{Path.cwd()}/mine")
    assert data.input_shape == (3, 6, 6)
    assert data.classes == 2
    assert [len(p.y) for p in (data.train, data.validation, data.test)] == [36, 4, 40]
    assert data.train.x.mean(dim=(0, 2, 3)).abs().max() < 0.01
    # Else every training step would make a copy of all samples.
    assert all(p.x.is_contiguous() for p in (data.train, data.validation, data.test))


def test_images_of_different_sizes_are_refused() -> None:
    write_images(Path("mine"))
    Image.new("RGB", (9, 9)).save("mine/train/a/big.png")
    with pytest.raises(NetsError, match="differ in size"):
        load(f"folder:{Path.cwd()}/mine")


def test_a_folder_without_images_is_refused() -> None:
    Path("empty/train").mkdir(parents=True)
    with pytest.raises(NetsError, match="cannot read images from"):
        load(f"folder:{Path.cwd()}/empty")


def test_a_single_class_is_refused() -> None:
    write_images(Path("mine"), classes="a")
    with pytest.raises(NetsError, match="one class only"):
        load(f"folder:{Path.cwd()}/mine")


def test_an_image_that_is_none_is_refused() -> None:
    write_images(Path("mine"))
    Path("mine/train/a/0.png").write_bytes(b"no image")
    with pytest.raises(NetsError, match="cannot read images from"):
        load(f"folder:{Path.cwd()}/mine")


@pytest.mark.parametrize("content", [b"", b"abcdef", b"junk" * 100])
def test_damaged_files_say_what_to_do(content: bytes) -> None:
    raw = Path("data/MNIST/raw")
    raw.mkdir(parents=True)
    for part in ("train", "t10k"):
        for kind in ("images-idx3", "labels-idx1"):
            (raw / f"{part}-{kind}-ubyte").write_bytes(content)
    with pytest.raises(NetsError, match="no usable MNIST files"):
        load("mnist", str(raw.parents[1].absolute()))


@pytest.mark.parametrize("limit", [1430, 1433, 1436])
def test_limits_that_leave_less_than_a_sample_per_class(limit: int) -> None:
    data = load("digits", limit=limit)
    assert len(data.train.y) + len(data.validation.y) == limit


def test_a_class_that_is_missing_in_test_is_refused() -> None:
    write_images(Path("mine"))
    Path("mine/test/b").rename("mine/test/c")
    with pytest.raises(NetsError, match="differ"):
        load(f"folder:{Path.cwd()}/mine")


@needs_mnist
def test_mnist_as_the_paper_normalises_it() -> None:
    data = load("mnist", str(MNIST_DIR.absolute()))
    assert [len(p.y) for p in (data.train, data.validation, data.test)] == [54_000, 6_000, 10_000]
    assert data.train.x.min().item() == pytest.approx((0 - 0.1307) / 0.3081)
    assert data.train.x.max().item() == pytest.approx((1 - 0.1307) / 0.3081)
    assert data.test.y[:5].tolist() == [7, 2, 1, 0, 4]
