"""What is done to raw samples before a network takes them."""

from __future__ import annotations

from typing import NamedTuple


class Scaling(NamedTuple):
    """(x / scale − mean) / std.

    mean, std: for each channel, or each column of a table; one number is for all; () leaves x / scale
    """

    scale: float = 1.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    def __str__(self) -> str:
        scaled = "x" if self.scale == 1 else f"x / {self.scale:g}"
        if not self.mean:
            return "none" if self.scale == 1 else scaled
        return f"{scaled} − {_short(self.mean)}, divided by {_short(self.std)}"


def _short(numbers: tuple[float, ...]) -> str:
    return ", ".join(f"{number:.4g}" for number in numbers[:3]) + (", …" if len(numbers) > 3 else "")


UNSCALED = Scaling()
