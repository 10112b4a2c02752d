"""How the outputs of a network are judged: a loss that training minimises, and a metric that people read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nets_deap.models.losses import Loss
from nets_deap.models.metrics import Metric
from nets_deap.util.errors import NetsError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Criterion:
    """A loss and a metric."""

    loss: Loss = field(default_factory=Loss)
    metric: Metric = field(default_factory=Metric)

    @property
    def kind(self) -> str:
        """The loss's name, if that says all; "" for one with weights or a function of the user's own."""
        return "" if self.loss.weights or self.loss.function else self.loss.kind

    @property
    def threshold(self) -> float:
        """Above it, a single output says class 1: a logit's or a probability's middle."""
        return 0.0 if self.loss.of_classes else 0.5

    def right(self, outputs: Tensor, y: Tensor) -> Tensor:
        return self.metric.right(outputs, y, self.threshold)

    def smoothed(self, targets: Tensor, share: float) -> Tensor:
        """Targets of which `share` is spread over all classes (Szegedy et al. 2016, section 7).

        Raises NetsError for a loss that has no classes, or one at each place.
        """
        if self.loss.kind != "cross-entropy" or not targets.is_floating_point():
            raise NetsError(
                f"`label_smoothing` goes with a cross-entropy of one class a sample, not with {self.loss}"
            )
        return (1 - share) * targets + share / targets.shape[1]


CROSS_ENTROPY = Criterion()


def check_fits(criterion: Criterion, outputs: Any, targets: Any, name: str) -> None:
    """Raise NetsError unless outputs of some samples, a tensor [n, …], fit their targets.

    targets: as `Loss.targets` returns them; name: of the network
    """
    from torch import Tensor

    if not isinstance(outputs, Tensor):
        raise NetsError(
            f"{name} puts out {type(outputs).__name__}, expected one tensor: return the outputs alone, for "
            "example from a small module around yours"
        )
    loss, got, wanted = criterion.loss, list(outputs.shape), list(targets.shape)
    if loss.function is not None:
        loss(outputs, targets)
        return
    if loss.kind == "cross-entropy" and not targets.is_floating_point():
        classes, expected = int(targets.max()) + 1, [wanted[0], "classes", *wanted[1:]]
        fits = [got[0], *got[2:]] == wanted and got[1] >= classes
    else:
        expected = wanted
        fits = outputs.numel() == targets.numel() and got[0] == wanted[0]
        fits &= loss.kind != "cross-entropy" or got == wanted
    if not fits:
        raise NetsError(
            f"{name} puts out {got} for {wanted[0]} samples, but {loss} wants "
            f"{str(expected).replace(chr(39), '')}: change its last layer, or the `loss`"
        )
