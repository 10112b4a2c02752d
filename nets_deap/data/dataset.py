"""Data sets as tensors in memory, split into training, validation and test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from nets_deap.data import given
from nets_deap.data.preparation import AS_GIVEN, Preparation
from nets_deap.util import shared, shown
from nets_deap.util.threads import as_usual

if TYPE_CHECKING:
    import numpy as np
    import torch

PARTS = ("train", "validation", "test")


class Part(NamedTuple):
    """Samples x: float32[n, *shape], or int64 for token ids; targets y: int64[n] or [n, …] for classes,
    float32[n] or [n, …] for numbers.

    cases: int64[n], the case that each sample belongs to; None: its class
    """

    x: torch.Tensor
    y: torch.Tensor
    cases: torch.Tensor | None = None

    @property
    def of_case(self) -> torch.Tensor:
        """int64[n]: the case of each sample."""
        return self.y if self.cases is None else self.cases

    def to(self, device: str, dtype: torch.dtype) -> Part:
        """On a device; whatever has floats has them in this type."""
        x, y = (t.to(device, dtype if t.is_floating_point() else t.dtype) for t in (self.x, self.y))
        return Part(x, y, None if self.cases is None else self.cases.to(device))


@dataclass(frozen=True, eq=False)
class Data:
    """A data set ready for training; `checksum` identifies its samples. Make one of your own by `Data.of`.

    classes: number of classes; 0 if the targets are numbers
    cases: groups of samples whose losses lexicase selection compares: the classes, or bins of the targets
    labels: what the user called the classes 0, 1, …; () if just that
    name: for messages
    normalisation: what was done to the raw samples; its text says so in words
    """

    train: Part
    validation: Part
    test: Part
    classes: int
    checksum: str
    cases: int = 0
    labels: tuple[Any, ...] = ()
    name: str = "the data"
    normalisation: Preparation = AS_GIVEN

    def __post_init__(self) -> None:
        if not self.cases:
            object.__setattr__(self, "cases", self.classes)

    @classmethod
    def of(cls, data: Any, test: Any = None, **options: Any) -> Data:
        """A data set of arrays, tensors or torch data sets; see `data.given.of`."""
        told = given.of(data, test, **options)
        train, validation, test = _parts(told.parts)
        return cls(train, validation, test, *told[1:])

    def __repr__(self) -> str:
        return shown.angled(self._told())

    def _told(self) -> str:
        counts = ", ".join(f"{len(getattr(self, name).y):,} {name}" for name in PARTS)
        targets = f"{self.classes} classes" if self.classes else "numbers"
        return f"Data {self.name}: {counts} samples of {_sizes(self.input_shape)}, {targets}"

    def _repr_html_(self) -> str:
        parts = {name: getattr(self, name) for name in PARTS}
        rows: list[list[object]] = [
            [name, len(part.y), _sizes(tuple(part.x.shape[1:])), str(part.y.dtype).removeprefix("torch.")]
            for name, part in parts.items()
        ]
        return shown.table(f"{self._told()}; {self.normalisation}", ["", "samples", "of", "targets"], rows)

    @property
    def input_shape(self) -> tuple[int, ...]:
        return tuple(self.train.x.shape[1:])

    @property
    def input_dtype(self) -> str:
        return str(self.train.x.dtype).removeprefix("torch.")

    @cached_property
    def _key(self) -> str:
        return shared.key()

    def to(self, device: str, dtype: torch.dtype) -> Data:
        """The same data set on a device and in a float type; only the latest result is cached."""
        return _moved(self, device, dtype)

    def __reduce__(self) -> Any:
        return shared.reduced(self._key, self, self._contents(), _restored)

    def _contents(self) -> dict[str, Any]:
        """All fields, with arrays in place of tensors."""
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        return told | {name: [None if t is None else t.numpy() for t in told[name]] for name in PARTS}


def _sizes(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "1"


def _parts(told: Mapping[str, Any]) -> list[Part]:
    """Parts of tensors out of arrays: samples, targets and cases of each."""
    import torch

    def part(x: np.ndarray, y: np.ndarray, cases: np.ndarray | None) -> Part:
        return Part(
            torch.from_numpy(x), torch.from_numpy(y), None if cases is None else torch.from_numpy(cases)
        )

    return [part(*told[name]) for name in PARTS]


def _restored(told: dict[str, Any]) -> Data:
    rest = {key: value for key, value in told.items() if key not in PARTS}
    train, validation, test = _parts(told)
    return Data(train, validation, test, **rest)


@lru_cache(maxsize=1)
@as_usual()
def _moved(data: Data, device: str, dtype: torch.dtype) -> Data:
    parts = {name: getattr(data, name).to(device, dtype) for name in PARTS}
    return replace(data, **parts)
