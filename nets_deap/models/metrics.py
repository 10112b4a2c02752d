"""What a network's outputs are worth, beside the loss: accuracy, or R², or the user's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nets_deap.models.losses import IGNORED
from nets_deap.util import imports
from nets_deap.util.errors import NetsError, raised, unknown

if TYPE_CHECKING:
    from torch import Tensor

Measure = Callable[["Tensor", "Tensor"], float]  # (outputs [n, …], targets [n, …]) -> number
METRICS = ("accuracy", "balanced-accuracy", "r2")
LEAST = ":least"  # after the name of a metric of the user's own: the less the better


@dataclass(frozen=True)
class Metric:
    """A figure for a set of samples. It decides nothing in a search by loss.

    name: in METRICS, or a name for `function`, of the user's own; greatest: is more better?
    """

    name: str = "accuracy"
    function: Measure | None = None
    greatest: bool = True

    @classmethod
    def named(cls, text: str) -> Metric:
        """A metric to be shown, not computed: without the user's function."""
        return cls(text.removesuffix(LEAST), greatest=not text.endswith(LEAST))

    def __str__(self) -> str:
        return self.name + ("" if self.greatest else LEAST)

    def error(self, value: float) -> float:
        """What is less for a better network: 1 − the metric, or the metric itself if less is better."""
        return 1 - value if self.greatest else value

    @property
    def by_sample(self) -> bool:
        """Does it follow from whether each sample is right? Then it is a share."""
        return self.function is None and self.name != "r2"

    def right(self, outputs: Tensor, y: Tensor, threshold: float) -> Tensor:
        """float64[n]: the share of each sample's places with the right class.

        threshold: above it, a single output says class 1
        """
        alike = y.is_floating_point() or outputs.ndim == 1 or outputs.shape == y.shape
        if alike or (outputs.shape[1] == 1 and y.max() < 2):
            found = (outputs.reshape(y.shape) > threshold) == (y > 0.5)
            return found.reshape(len(y), -1).double().mean(dim=1)
        counted = (y != IGNORED).reshape(len(y), -1)
        found = (outputs.argmax(dim=1) == y).reshape(len(y), -1) & counted
        return found.sum(dim=1).double() / counted.sum(dim=1).clamp(min=1)

    def of_right(self, right: Tensor, cases: Tensor) -> float:
        """The metric of all samples, from `right` and the case of each, int64[n]."""
        import torch

        if self.name == "accuracy":
            return float(right.mean())
        counts = torch.bincount(cases)
        shares = torch.bincount(cases, weights=right)[counts > 0] / counts[counts > 0]
        return float(shares.mean())

    def of_outputs(self, outputs: Tensor, y: Tensor) -> float:
        """The metric of all samples, from their outputs. Raises NetsError where the user's function does not
        return a number."""
        if self.function is None:
            return _r2(outputs, y)
        try:
            return float(self.function(outputs.cpu(), y.cpu()))  # it may go on with numpy
        except (MemoryError, KeyboardInterrupt):
            raise
        except Exception as error:
            raise NetsError(f"the metric {self.name} gave no number: {raised(error)}") from error

    def of_no_knowledge(self, y: Tensor) -> float | None:
        """The metric of always predicting the commonest class of these targets, or their mean; None for a
        metric of the user's own."""
        if self.function is not None:
            return None
        if self.name == "r2":
            return 0.0
        labels = (y > 0.5).long() if y.is_floating_point() else y[y >= 0]
        shares = labels.flatten().bincount() / max(1, labels.numel())
        return float(1 / (shares > 0).sum() if self.name == "balanced-accuracy" else shares.max())


def _r2(outputs: Tensor, y: Tensor) -> float:
    """1 − Σ(y − f)² / Σ(y − ȳ)², the mean over all numbers that a sample puts out; 0 for constant targets."""
    wanted = y.reshape(len(y), -1).double()
    missed = (wanted - outputs.reshape(wanted.shape).double()).square().sum(dim=0)
    spread = (wanted - wanted.mean(dim=0)).square().sum(dim=0)
    shares = 1 - missed / spread
    shares[spread == 0] = 0.0
    return float(shares.mean())


def parsed(text: str) -> Metric:
    """The metric that a text names; module:function is the user's own, module:function:least one of which
    less is better. Raises NetsError for an unknown name."""
    check_name(text)
    if text in METRICS:
        return Metric(text)
    name = text.removesuffix(LEAST)
    return Metric(name, imports.function(name, "metric"), not text.endswith(LEAST))


def is_own(text: str) -> bool:
    """Does a text name a metric of the user's own?"""
    return ":" in text


def check_name(text: str) -> None:
    """Raise NetsError unless a text names a metric, or may name one of the user's own."""
    if text not in METRICS and not is_own(text):
        raise unknown("metric", text, [*METRICS, "module:function"])
