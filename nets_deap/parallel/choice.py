"""Maps by name."""

from __future__ import annotations

from nets_deap.parallel.processes import MultiprocessMap, available_cores, check_workers
from nets_deap.parallel.serial import SerialMap
from nets_deap.util.errors import unknown

MAPS = ("serial", "multiprocess")


def make_map(
    name: str, workers: int | None, device: str = "cpu", timeout: float | None = None
) -> SerialMap | MultiprocessMap:
    """The map called `serial` or `multiprocess`. With one core and no `workers` given, it is always serial.

    device: where the items will be computed; only spawned workers, not forked ones, can use a GPU
    timeout: seconds that one item may take. Only another process can keep to it, so with a timeout the map
        `multiprocess` has workers even on one core
    """
    if name not in MAPS:
        raise unknown("map", name, MAPS)
    check_workers(workers)
    if name == "serial" or (workers is None and timeout is None and available_cores() == 1):
        return SerialMap()
    return MultiprocessMap(workers, None if device == "cpu" else "spawn", timeout)
