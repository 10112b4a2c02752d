"""How a metric is shown: by its own name, and in per cent if it is a share of the samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from nets_deap.models.metrics import LEAST

ACCURACY = "accuracy"
T = TypeVar("T")


@dataclass(frozen=True)
class Measure:
    """name: of the metric. Accuracies are shown in per cent, others as they are."""

    name: str = ACCURACY

    @property
    def share(self) -> bool:
        return self.name in (ACCURACY, "balanced-accuracy")

    @property
    def greatest(self) -> bool:
        """Is more better?"""
        return not self.name.endswith(LEAST)

    def best(self, items: Iterable[T], value: Callable[[T], float]) -> T | None:
        """The first item of the best value; None if no value is finite, as those of diverged trainings."""
        finite = [item for item in items if math.isfinite(value(item))]
        return (max if self.greatest else min)(finite, key=value, default=None)

    def better(self, difference: float) -> float:
        """The difference of two metrics, turned so that it is positive if the first is better."""
        return difference if self.greatest else -difference

    @property
    def title(self) -> str:
        return self.name[:1].upper() + self.name[1:]

    @property
    def short(self) -> str:
        return "acc" if self.name == ACCURACY else self.name.removesuffix(LEAST)

    @property
    def scale(self) -> float:
        return 100.0 if self.share else 1.0

    @property
    def hundredths(self) -> float:
        """Times this, a value times 100 is as it is shown."""
        return self.scale / 100

    @property
    def axis(self) -> str:
        if self.share:
            return f"{self.name}, %"
        return self.name if self.greatest else f"{self.short} (less is better)"

    @property
    def error(self) -> str:
        """The label of an axis that shows `Metric.error` of test figures, times `scale`."""
        if self.name == ACCURACY:
            return "test error, %"
        if self.share:
            return f"100 − test {self.axis}"
        return f"1 − test {self.name}" if self.greatest else f"test {self.axis}"

    @property
    def head(self) -> str:
        """The heading of a column of `cell`s."""
        return f"{self.short}, %" if self.share else self.short

    @property
    def points(self) -> str:
        """What differences are in."""
        return "points" if self.share else self.short

    def column(self, of: str, value: float) -> str:
        """A figure of a column such as "val_acc", which has another name if it is no accuracy."""
        return f"{of}_acc {value:.4f}" if self.name == ACCURACY else f"{of} {self.short} {self.shown(value)}"

    def shown(self, value: float) -> str:
        return f"{100 * value:.2f} %" if self.share else f"{value:.4g}"

    def cell(self, hundredths: float, sign: str = "") -> str:
        """A value times 100, as summaries and verdicts hold it, without its unit; "diverged" if not finite.

        sign: "+" to show that of a positive number, too
        """
        if not math.isfinite(hundredths):
            return "diverged"
        return f"{hundredths:{sign}.2f}" if self.share else f"{hundredths / 100:{sign}.4g}"

    def between(self, mean: float, half_width: float, sign: str = "") -> str:
        """mean ± half-width, both times 100; without a half-width that is NaN."""
        half = "" if math.isnan(half_width) or not math.isfinite(mean) else f" ± {self.cell(half_width)}"
        return f"{self.cell(mean, sign)}{half}"


BY_ACCURACY = Measure()
