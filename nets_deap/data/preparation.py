"""What is done to raw samples before a network takes them."""

from __future__ import annotations

from typing import NamedTuple


class Column(NamedTuple):
    """A column of a table: numbers become (x − mean) / std, words a column of 0 and 1 for each of `words`."""

    name: str
    mean: float = 0.0
    std: float = 1.0
    words: tuple[str, ...] = ()


class Preparation(NamedTuple):
    """(x / scale − mean) / std, of samples that are read from images or rows of a table first.

    mean, std: for each channel, or each column; one number is for all; () leaves x / scale
    image_bits: of image files, 8 or 16; 0 for other samples
    columns: of a table, from which samples come; () for other samples
    """

    scale: float = 1.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    image_bits: int = 0
    columns: tuple[Column, ...] = ()

    def __str__(self) -> str:
        scaled = "x" if self.scale == 1 else f"x / {self.scale:g}"
        if not self.mean:
            return "none" if self.scale == 1 else scaled
        return f"{scaled} − {_short(self.mean)}, divided by {_short(self.std)}"


AS_GIVEN = Preparation()


def _short(numbers: tuple[float, ...]) -> str:
    return ", ".join(f"{number:.4g}" for number in numbers[:3]) + (", …" if len(numbers) > 3 else "")
