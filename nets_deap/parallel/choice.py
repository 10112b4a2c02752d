"""Maps by name."""

from __future__ import annotations

import os

from nets_deap.parallel.processes import MultiprocessMap, available_cores, check_workers
from nets_deap.parallel.serial import SerialMap
from nets_deap.util.errors import unknown

MAPS = ("serial", "multiprocess")


def make_map(name: str, workers: int | None, device: str = "cpu") -> SerialMap | MultiprocessMap:
    """The map called `serial` or `multiprocess`. With one core and no `workers` given, it is always serial.

    device: where the items will be computed; only spawned workers, not forked ones, can use a GPU
    """
    if name not in MAPS:
        raise unknown("map", name, MAPS)
    check_workers(workers)
    if name == "serial" or (workers is None and available_cores() == 1):
        return SerialMap()
    return MultiprocessMap(workers, start="fork" if device == "cpu" and hasattr(os, "fork") else "spawn")
