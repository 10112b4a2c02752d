"""A budget of seconds, kept to within one evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from nets_deap.parallel.dask_map import DaskMap
from nets_deap.parallel.processes import MultiprocessMap
from nets_deap.parallel.protocol import Map
from nets_deap.parallel.serial import SerialMap
from nets_deap.problem.budget import Meter


class TimeIsUpError(Exception):
    """The seconds of a budget are spent; what was not finished is lost."""


class Timed:
    """A map that ends between two evaluations once the time is up, by raising TimeIsUpError."""

    def __init__(self, engine: Map, meter: Meter) -> None:
        self.engine, self.meter, self.sends = engine, meter, engine.sends
        self.elsewhere = getattr(engine, "elsewhere", False)

    def __call__(self, function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        items = list(items)
        left = len(items)

        def look(_: Any) -> None:
            nonlocal left
            left -= 1
            if left and self.meter.seconds_left() <= 0:
                raise TimeIsUpError

        return self.engine(function, items, look)


def timed(engine: Any, meter: Meter) -> Any:
    """The engine, or a timed one if there is a limit. A map that evaluates all at once stays as it is."""
    known = type(engine) in (SerialMap, MultiprocessMap, DaskMap)
    return Timed(engine, meter) if known and meter.budget.seconds is not None else engine


def make_in_time(make: Callable[[], Any], meter: Meter) -> Any:
    """`make()`; raises TimeIsUpError if the time is up already."""
    if meter.seconds_left() <= 0:
        raise TimeIsUpError
    return make()
