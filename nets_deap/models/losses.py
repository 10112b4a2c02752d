"""The loss of each sample, by name or by a function of the user's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nets_deap.util import calls, imports
from nets_deap.util.errors import NetsError, raised, unknown

if TYPE_CHECKING:
    from torch import Tensor

PerSample = Callable[["Tensor", "Tensor"], "Tensor"]  # (outputs [n, …], targets [n, …]) -> [n]
IGNORED = -100  # the label of a place that has none, as in torch


@dataclass(frozen=True)
class Loss:
    """A loss; training minimises its mean over samples, and so do searches on the validation set.

    kind: in LOSSES, or a name for `function`, of the user's own
    weights: of the classes of a cross-entropy; () weighs all alike
    delta: of Huber's error, where it turns from a square to a line
    """

    kind: str = "cross-entropy"
    weights: tuple[float, ...] = ()
    delta: float = 1.0
    function: PerSample | None = None

    def __str__(self) -> str:
        given: dict[str, Any] = {"weights": self.weights} if self.weights else {}
        if self.kind == "huber" and self.delta != 1:
            given["delta"] = self.delta
        return calls.joined(self.kind, given) if self.function is None else self.kind

    @property
    def of_classes(self) -> bool:
        """Does it compare outputs with classes?"""
        return self.kind in ("cross-entropy", "binary")

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Loss of each sample, [n], for outputs [n, …] and targets as `targets` returns them.

        Raises NetsError for a function of the user's own that raises, or that does not return [n] numbers.
        """
        if self.function is not None:
            return self._own(outputs, targets)
        return LOSSES[self.kind](self, outputs, targets)

    def _own(self, outputs: Tensor, targets: Tensor) -> Tensor:
        assert self.function is not None
        try:
            losses = self.function(outputs, targets)
        except (NetsError, MemoryError, KeyboardInterrupt):
            raise
        except Exception as error:
            shapes = f"outputs {list(outputs.shape)} and targets {list(targets.shape)}"
            raise NetsError(f"the loss {self.kind} raised {raised(error)}, for {shapes}") from error
        if getattr(losses, "shape", None) != (len(outputs),):
            got = list(losses.shape) if hasattr(losses, "shape") else type(losses).__name__
            raise NetsError(
                f"the loss {self.kind} returned {got} for {len(outputs)} samples: "
                f"return one number per sample, [{len(outputs)}]; torch's losses do with reduction='none'"
            )
        return losses

    def targets(self, y: Tensor, outputs: int, dtype: Any) -> Tensor:
        """Targets in the form that the loss takes.

        Of classes int64[n]: one-hot [n, outputs], or 0 and 1 for a single output. Numbers [n] become [n, 1].
        Classes of places, int64[n, …], and what a function of the user's own takes, stay as they are.
        """
        from torch.nn.functional import one_hot

        if self.function is not None or (self.kind == "cross-entropy" and y.ndim > 1):
            return y
        if not y.is_floating_point() and y.ndim == 1 and outputs > 1 and self.kind != "binary":
            return one_hot(y, outputs).to(dtype)
        y = y[:, None] if y.ndim == 1 else y
        return y.to(dtype)


def _cross_entropy(loss: Loss, outputs: Tensor, targets: Tensor) -> Tensor:
    import torch
    from torch.nn.functional import cross_entropy

    if not targets.is_floating_point():  # a class at each place
        weight = outputs.new_tensor(loss.weights) if loss.weights else None
        losses = cross_entropy(outputs, targets, weight, ignore_index=IGNORED, reduction="none").flatten(1)
        counted = (targets != IGNORED).flatten(1).sum(dim=1).clamp(min=1)
        return losses.sum(dim=1) / counted
    logs = torch.log_softmax(outputs, dim=1) * targets
    if loss.weights:
        logs = logs * outputs.new_tensor(loss.weights)
    return -logs.sum(dim=1)


def _mean(error: Callable[..., Tensor]) -> Callable[[Loss, Tensor, Tensor], Tensor]:
    """The mean error of all numbers that a sample puts out."""

    def losses(loss: Loss, outputs: Tensor, targets: Tensor) -> Tensor:
        return error(loss, outputs.reshape(targets.shape), targets).flatten(1).mean(dim=1)

    return losses


def _binary(loss: Loss, outputs: Tensor, targets: Tensor) -> Tensor:
    from torch.nn.functional import binary_cross_entropy_with_logits

    return binary_cross_entropy_with_logits(outputs, targets, reduction="none")


def _huber(loss: Loss, outputs: Tensor, targets: Tensor) -> Tensor:
    from torch.nn.functional import huber_loss

    return huber_loss(outputs, targets, reduction="none", delta=loss.delta)


LOSSES: dict[str, Callable[[Loss, Tensor, Tensor], Tensor]] = {
    "cross-entropy": _cross_entropy,  # of logits
    "binary": _mean(_binary),  # cross-entropy of logits with targets 0 and 1, or shares between
    "mse": _mean(lambda loss, outputs, targets: (outputs - targets).square()),
    "mae": _mean(lambda loss, outputs, targets: (outputs - targets).abs()),
    "huber": _mean(_huber),  # Huber 1964, eq. 1.2 of torch's documentation: the square within delta
}
OF_NUMBERS = ("mse", "mae", "huber")
ARGUMENTS = {"cross-entropy": {"weights"}, "huber": {"delta"}}
BALANCED = "balanced"


def is_own(text: str) -> bool:
    """Does a text name a loss of the user's own?"""
    return text.partition(":")[0] not in LOSSES and ":" in text


def checked(text: str) -> tuple[str, dict[str, str]]:
    """Kind and arguments of a loss by name. Raises NetsError for an unknown one."""
    if is_own(text):
        return text, {}
    kind, given = calls.split(text, "loss")
    if kind not in LOSSES:
        raise unknown("loss", kind, [*LOSSES, "module:function"])
    for key in given:
        if key not in ARGUMENTS.get(kind, ()):
            raise unknown(f"argument of the loss {kind}", key, ARGUMENTS.get(kind, ()))
    for key, value in given.items():
        if value != BALANCED:
            _numbers(key, value)
    return kind, given


def parsed(text: str, counts: tuple[int, ...] = ()) -> Loss:
    """The loss that a text names: `cross-entropy:weights=balanced`, `weights=1/2/5`, `huber:delta=0.5`,
    `module:function`.

    counts: samples of each class in training, for balanced weights: n / (classes · samples of the class)
    Raises NetsError for an unknown name, and for weights that do not fit the classes.
    """
    kind, given = checked(text)
    if is_own(text):
        return Loss(text, function=imports.function(text, "loss"))
    weights = given.get("weights", "")
    if weights == BALANCED:
        total = sum(counts)
        return Loss(kind, tuple(total / (len(counts) * max(count, 1)) for count in counts))
    numbers = _numbers("weights", weights) if weights else ()
    if numbers and len(numbers) != len(counts):
        raise NetsError(f"`loss` {text}: {len(numbers)} weights for {len(counts)} classes: give one for each")
    (delta,) = _numbers("delta", given.get("delta", "1"))
    return Loss(kind, numbers, delta)


def _numbers(key: str, text: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(part) for part in text.split("/"))
    except ValueError as error:
        raise NetsError(f"`loss`: {key}={text} is not a number") from error
    if not all(0 < number < float("inf") for number in numbers):
        raise NetsError(f"`loss`: {key}={text}: expected more than 0")
    return numbers
