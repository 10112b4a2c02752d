"""Data sets as tensors resident in memory, split into training, validation and test."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nets_deap.cache import cached
from nets_deap.errors import NetsError, unknown

if TYPE_CHECKING:
    import torch


class Part(NamedTuple):
    """Samples x: float32[n, *shape], normalised; labels y: int64[n]."""

    x: torch.Tensor
    y: torch.Tensor

    def to(self, device: str, dtype: torch.dtype) -> Part:
        return Part(self.x.to(device, dtype), self.y.to(device))


@dataclass(frozen=True, eq=False)
class Data:
    """A data set ready for training; `checksum` tells one set of samples from another."""

    train: Part
    validation: Part
    test: Part
    classes: int
    checksum: str

    @property
    def input_shape(self) -> tuple[int, ...]:
        return tuple(self.train.x.shape[1:])

    def to(self, device: str, dtype: torch.dtype) -> Data:
        """The same data set on another device, in another float type; the last one asked for is kept."""
        return _moved(self, device, dtype)


@lru_cache(maxsize=1)
def _moved(data: Data, device: str, dtype: torch.dtype) -> Data:
    parts = {name: getattr(data, name).to(device, dtype) for name in ("train", "validation", "test")}
    return replace(data, **parts)


class Raw(NamedTuple):
    """What a loader returns: arrays as the files hold them, channels first, test apart.

    mean and std belong to pixels in [0, 1]; None takes them from the training images, per channel.
    A loader that sets `validation` brings its own; otherwise it is split off the training set.
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
    """scikit-learn's 1,797 digits of 8 × 8 pixels; test = a stratified fifth, drawn with seed 0."""
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
    """Points uniform in the unit square, labelled by the xor of the rounded coordinates: 1,000/100/1,000."""
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
                f"no usable {class_name} files under {(data_dir / files).parent}: point --data-dir or "
                "NETS_DATA_DIR at the folder that holds them, add --download to fetch them, or take "
                "--dataset digits, which works offline"
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


def _folder(path: str) -> Raw:
    """Your own images: PATH/train/<class>/… and PATH/test/<class>/…, all of one size; read as RGB."""
    train_x, train_y, train_classes = _images(Path(path) / "train")
    test_x, test_y, test_classes = _images(Path(path) / "test")
    if train_classes != test_classes:
        raise NetsError(
            f"{path}: the classes in train/ and test/ differ: {', '.join(train_classes)} "
            f"and {', '.join(test_classes)}"
        )
    if len(train_classes) < 2:
        raise NetsError(f"{path} has one class only, '{train_classes[0]}': there is nothing to tell apart")
    if train_x.shape[1:] != test_x.shape[1:]:
        raise NetsError(
            f"{path}: the images in train/ and test/ differ in size: resize them to one size first"
        )
    return Raw(train_x, train_y, test_x, test_y)


def _images(folder: Path) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Images uint8[n, 3, h, w], labels, and the names of the classes."""
    from torchvision.datasets import ImageFolder

    try:
        images = ImageFolder(str(folder))
        pixels = [np.asarray(image) for image, _ in images]
    except Exception as error:  # PIL has many ways to refuse an image
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise NetsError(f"cannot read images from {folder}/<class>/: {reason}") from error
    sizes = {image.shape[:2] for image in pixels}
    if len(sizes) > 1:
        raise NetsError(
            f"the images in {folder} differ in size, {min(sizes)} to {max(sizes)}: resize them to one size"
        )
    return _channels_first(np.stack(pixels)), np.array(images.targets), images.classes


DATASETS: dict[str, Callable[[Path, bool], Raw]] = {
    "digits": _digits,
    "xor": _xor,
    "xor-corners": _xor_corners,
    "mnist": _torchvision("MNIST", "MNIST/raw/*-ubyte", mean=0.1307, std=0.3081),
    "fashion-mnist": _torchvision("FashionMNIST", "FashionMNIST/raw/*-ubyte"),
    "kmnist": _torchvision("KMNIST", "KMNIST/raw/*-ubyte"),
    "cifar10": _torchvision("CIFAR10", "cifar-10-batches-py/*_batch*"),
}


def check_name(name: str) -> None:
    """Raise NetsError unless `name` is in DATASETS or of the form folder:PATH."""
    if name not in DATASETS and not (name.startswith("folder:") and len(name) > len("folder:")):
        raise unknown("data set", name, [*DATASETS, "folder:PATH"])


def _stratified(y: np.ndarray, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of all but `size` samples and of `size` samples, each class in proportion."""
    from sklearn.model_selection import train_test_split

    classes = len(np.unique(y))
    if min(size, len(y) - size) < classes or np.bincount(y).min() < 2:
        order = np.random.default_rng(seed).permutation(len(y))
        return order[size:], order[:size]
    rest, chosen = train_test_split(np.arange(len(y)), test_size=size, stratify=y, random_state=seed)
    return rest, chosen


@lru_cache(maxsize=2)
def load(
    name: str,
    data_dir: str = "data",
    download: bool = False,
    limit: int | None = None,
    validation: float = 0.1,
    split_seed: int = 0,
) -> Data:
    """Load a data set, once per process.

    limit: train (and validate) on a stratified subset of so many training samples
    validation: the share of the training samples that becomes the validation set, stratified and drawn
        with `split_seed`, which is independent of the run's seed: every method sees the same split
    Raises NetsError where the data is missing, with a line that says how to get it.
    """
    import torch

    check_name(name)
    raw = (
        _folder(name.removeprefix("folder:"))
        if name.startswith("folder:")
        else DATASETS[name](Path(data_dir), download)
    )
    train_x, train_y = raw.train_x, raw.train_y
    if limit is not None and limit < len(train_y):
        _, chosen = _stratified(train_y, limit, split_seed)
        train_x, train_y = train_x[chosen], train_y[chosen]
    if raw.validation is not None:
        val_x, val_y = raw.validation
    else:
        size = round(validation * len(train_y))
        if not 0 < size < len(train_y):
            raise NetsError(
                f"{len(train_y)} training samples cannot spare {validation:.1%} for validation: too few"
            )
        rest, chosen = _stratified(train_y, size, split_seed)
        val_x, val_y = train_x[chosen], train_y[chosen]
        train_x, train_y = train_x[rest], train_y[rest]

    shape = (1, -1) + (1,) * (train_x.ndim - 2)
    mean, std = _statistics(raw, train_x)

    def part(x: np.ndarray, y: np.ndarray) -> Part:
        samples = torch.from_numpy(np.array(x, dtype=np.float32, order="C"))  # a copy: the kernels want rows
        if raw.normalise:
            samples.div_(raw.scale).sub_(mean.reshape(shape)).div_(std.reshape(shape))
        return Part(samples, torch.from_numpy(np.array(y, dtype=np.int64)))

    checksum = 0
    for array in (train_x, train_y, val_x, val_y, raw.test_x, raw.test_y):
        checksum = zlib.crc32(array.tobytes(), checksum)
    return Data(
        part(train_x, train_y),
        part(val_x, val_y),
        part(raw.test_x, raw.test_y),
        classes=int(max(raw.train_y.max(), raw.test_y.max())) + 1,
        checksum=f"{checksum:08x}",
    )


def _statistics(raw: Raw, train_x: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation per channel, of pixels in [0, 1]."""
    import torch

    if raw.mean is not None and raw.std is not None:
        return torch.tensor([raw.mean]), torch.tensor([raw.std])
    axes = (0, *range(2, train_x.ndim))
    mean = train_x.mean(axis=axes, dtype=np.float64) / raw.scale
    std = train_x.std(axis=axes, dtype=np.float64) / raw.scale
    return (
        torch.tensor(np.atleast_1d(mean), dtype=torch.float32),
        torch.tensor(np.atleast_1d(np.maximum(std, 1e-6)), dtype=torch.float32),
    )
