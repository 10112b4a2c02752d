"""The course of the learning rate over a training, as factors of the recipe's `lr`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial

from nets_deap.util import calls
from nets_deap.util.errors import NetsError, unknown

# A schedule's factor at a share of the training that is over, from 0 to less than 1
Course = Callable[[float], float]


def multistep(over: float, at: tuple[float, ...], factor: float) -> float:
    """Times `factor` at each of the shares `at`."""
    return factor ** sum(over >= share for share in at)


def cosine(over: float, end: float) -> float:
    """From 1 to `end` along half a cosine (Loshchilov & Hutter 2017, equation 5)."""
    return end + (1 - end) * (1 + math.cos(math.pi * over)) / 2


def linear(over: float, end: float) -> float:
    return 1 + (end - 1) * over


def one_cycle(over: float, peak: float, start: float, end: float) -> float:
    """From `start` up to 1 at the share `peak`, then down to `end`, each along half a cosine.

    Smith & Topin 2018, with cosines as in fast.ai.
    """
    if over < peak:
        return cosine(1 - over / peak, start)
    return cosine((over - peak) / (1 - peak), end)


Default = float | tuple[float, ...]
SCHEDULES: dict[str, tuple[Callable[..., float], Mapping[str, Default]]] = {
    "constant": (lambda over: 1.0, {}),
    "multistep": (multistep, {"at": (0.5, 0.75), "factor": 0.1}),
    "cosine": (cosine, {"end": 0.0}),
    "linear": (linear, {"end": 0.0}),
    "one-cycle": (one_cycle, {"peak": 0.3, "start": 0.04, "end": 4e-6}),
}
WARMUP = "warmup"
AT_ONCE = 1.0  # a warm-up of less is a share of the training, of more a number of epochs


@dataclass(frozen=True)
class Schedule:
    """A course, after a warm-up in which the learning rate rises in equal steps.

    warmup: epochs, or, below 1, a share of the training. It takes half of the training at most
    """

    course: Course
    warmup: float = 0.0
    constant: bool = False

    def factor(self, step: int, steps: int, per_epoch: int) -> float:
        """The factor of the learning rate in a step, counted from 0, of a training of `steps` steps."""
        warmup = self.warmup * (steps if self.warmup < AT_ONCE else per_epoch)
        warm = min(round(warmup), steps // 2)
        if step < warm:
            return (step + 1) / warm
        return self.course((step - warm) / (steps - warm))


@cache
def parsed(text: str) -> Schedule:
    """The schedule that a text names: `constant`, `cosine:warmup=5`, `multistep:at=0.5/0.75,factor=0.1`.

    Raises NetsError for another name, another argument or a number that makes no sense.
    """
    name, given = calls.split(text, "schedule")
    if name not in SCHEDULES:
        raise unknown("schedule", name, SCHEDULES)
    course, defaults = SCHEDULES[name]
    for key in given:
        if key not in {*defaults, WARMUP}:
            raise NetsError(f"`schedule` {text}: {unknown(f'argument of {name}', key, {*defaults, WARMUP})}")
    values = {key: _numbers(value, key, text) for key, value in given.items()}
    warmup = values.pop(WARMUP, (0.0,))[0]
    shares = {key: values.get(key, ()) for key in ("at", "peak")}
    if any(not 0 < share < 1 for share in [*shares["at"], *shares["peak"]]):
        raise NetsError(f"`schedule` {text}: at and peak are shares of the training, between 0 and 1")
    arguments = {
        key: values.get(key, default) if isinstance(default, tuple) else values.get(key, (default,))[0]
        for key, default in defaults.items()
    }
    return Schedule(partial(course, **arguments), warmup, name == "constant" and not warmup)


def _numbers(text: str, key: str, schedule: str) -> tuple[float, ...]:
    """Finite numbers of 0 or more, separated by slashes."""
    try:
        numbers = tuple(float(part) for part in text.split("/"))
    except ValueError:
        numbers = (math.nan,)
    if not all(0 <= number < math.inf for number in numbers) or (len(numbers) > 1 and key != "at"):
        raise NetsError(f"`schedule` {schedule}: {key}={text}: expected a number of 0 or more")
    return numbers
