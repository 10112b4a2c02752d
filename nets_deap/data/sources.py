"""Data sets by name, as arrays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nets_deap.data import images, tables
from nets_deap.data.cache import cached
from nets_deap.util.errors import NetsError, unknown


class Raw(NamedTuple):
    """What a loader returns: arrays as in the files, channels first; the test set is separate.

    mean and std apply to pixels scaled to [0, 1]; None: computed from the training images, per channel.
    A loader may set `validation`; otherwise the validation set is split off the training set.
    """

    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    validation: tuple[np.ndarray, np.ndarray] | None = None
    mean: float | None = None
    std: float | None = None
    scale: float = 255.0
    normalise: bool = True


def _digits(data_dir: Path, download: bool) -> Raw:
    """scikit-learn's 1,797 digits of 8 × 8 pixels; a stratified fifth, drawn with seed 0, is the test set."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    x = images.astype(np.float32).reshape(-1, 1, 8, 8)
    train_x, test_x, train_y, test_y = train_test_split(
        x, labels, test_size=0.2, stratify=labels, random_state=0
    )
    return Raw(train_x, train_y, test_x, test_y, scale=16.0)


def _xor_labels(x: np.ndarray) -> np.ndarray:
    bits = np.rint(x).astype(np.int64)
    return bits[:, 0] ^ bits[:, 1]


def _xor(data_dir: Path, download: bool) -> Raw:
    """1,000/100/1,000 uniform points in the unit square, labelled by the xor of their rounded coordinates."""
    x = np.random.default_rng(0).random((2100, 2), dtype=np.float32)
    y = _xor_labels(x)
    return Raw(
        x[:1000], y[:1000], x[1100:], y[1100:], validation=(x[1000:1100], y[1000:1100]), normalise=False
    )


def _xor_corners(data_dir: Path, download: bool) -> Raw:
    """The four corners of the unit square; train = validation = test."""
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32)
    y = _xor_labels(x)
    return Raw(x, y, x, y, validation=(x, y), normalise=False)


def _channels_first(images: np.ndarray) -> np.ndarray:
    """[n, h, w] or [n, h, w, c] as [n, c, h, w]."""
    return images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)


def _torchvision(
    class_name: str, files: str, mean: float | None = None, std: float | None = None
) -> Callable[[Path, bool], Raw]:
    """A loader for one of torchvision's data sets, in torchvision's own folder layout.

    files: a pattern for its raw files below the data folder
    """

    def load(data_dir: Path, download: bool) -> Raw:
        raw = sorted(path for path in data_dir.glob(files) if path.is_file())
        try:
            arrays = cached(raw, class_name, lambda: _from_torchvision(class_name, data_dir, download))
        except Exception as error:  # missing, truncated or foreign files fail in torchvision in many ways
            if download:
                raise NetsError(f"could not download {class_name} to {data_dir}: {error}") from error
            raise NetsError(
                f"no usable {class_name} files under {(data_dir / files).parent}: point `data_dir` or "
                "NETS_DATA_DIR at the folder that holds them, add `download` to fetch them, or take "
                "`dataset` digits, which works offline"
            ) from error
        return Raw(
            arrays["train_x"], arrays["train_y"], arrays["test_x"], arrays["test_y"], mean=mean, std=std
        )

    return load


def _from_torchvision(class_name: str, data_dir: Path, download: bool) -> dict[str, np.ndarray]:
    """Images uint8[n, c, h, w] and labels int64[n], of training and test."""
    from torchvision import datasets

    arrays: dict[str, np.ndarray] = {}
    for part in ("train", "test"):
        found = getattr(datasets, class_name)(str(data_dir), train=part == "train", download=download)
        x, y = _channels_first(np.asarray(found.data)), np.asarray(found.targets, dtype=np.int64)
        if len(x) != len(y):
            raise ValueError("images and labels differ in number")
        arrays |= {f"{part}_x": np.ascontiguousarray(x), f"{part}_y": y}
    return arrays


def from_folder(path: str) -> Raw:
    """Your own images: PATH/train/<class>/… and PATH/test/<class>/…, all of one size; read as RGB."""
    train, test = (images.read(Path(path) / part) for part in ("train", "test"))
    if train.classes != test.classes:
        lone = sorted(set(train.classes) ^ set(test.classes))
        raise NetsError(
            f"{path}: the classes in train/ and test/ differ: only one of them has {', '.join(lone)[:100]}"
        )
    if len(train.classes) < 2:
        raise NetsError(f"{path} has one class only, '{train.classes[0]}': there is nothing to tell apart")
    if train.x.shape[1:] != test.x.shape[1:]:
        raise NetsError(
            f"{path}: the images in train/ and test/ differ in size: resize them to one size first"
        )
    if np.uint16 in (train.x.dtype, test.x.dtype):
        return Raw(images.deepened(train.x), train.y, images.deepened(test.x), test.y, scale=65535.0)
    return Raw(train.x, train.y, test.x, test.y)


DATASETS: dict[str, Callable[[Path, bool], Raw]] = {
    "digits": _digits,
    "xor": _xor,
    "xor-corners": _xor_corners,
    "mnist": _torchvision("MNIST", "MNIST/raw/*-ubyte", mean=0.1307, std=0.3081),
    "fashion-mnist": _torchvision("FashionMNIST", "FashionMNIST/raw/*-ubyte"),
    "kmnist": _torchvision("KMNIST", "KMNIST/raw/*-ubyte"),
    "cifar10": _torchvision("CIFAR10", "cifar-10-batches-py/*_batch*"),
}


IN_MEMORY = "the data"  # what data of a user's own are called, unless they have a name


def is_own(name: str) -> bool:
    """Does a name say module:function, for data of the user's own?"""
    kind, colon, rest = name.partition(":")
    return bool(colon and kind and rest) and kind not in ("folder", *tables.KINDS)


def is_ours(name: str) -> bool:
    """Is it one of our data sets or a folder of images, whose targets are classes?"""
    return name in DATASETS or name.startswith("folder:")


def check_name(name: str) -> None:
    """Raise NetsError unless `name` is in DATASETS, of the form folder:PATH, a file, or module:function."""
    if name == IN_MEMORY:
        raise NetsError("these data were in memory, and no file names them: say which by `dataset`")
    if name not in DATASETS and not name.partition(":")[2]:
        raise unknown("data set", name, [*DATASETS, "folder:PATH", *tables.FORMS, "module:function"])
