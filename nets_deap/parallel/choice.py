"""Maps by name."""

from __future__ import annotations

from nets_deap.parallel.processes import MultiprocessMap, available_cores, check_workers
from nets_deap.parallel.protocol import Map
from nets_deap.parallel.serial import SerialMap
from nets_deap.util.errors import NetsError, unknown

MAPS = ("serial", "multiprocess", "dask")


def make_map(
    name: str,
    workers: int | None,
    device: str = "cpu",
    timeout: float | None = None,
    scheduler: str | None = None,
) -> Map:
    """The map called `serial`, `multiprocess` or `dask`.

    With one core and no `workers` given, `multiprocess` is the serial map, and so it is on a GPU, which
    processes would have to share. For the same reason a cluster on this machine has one worker then.

    device: where the items will be computed. Only spawned workers, not forked ones, can use a GPU
    timeout: seconds that one item may take. Only another process can keep to it, so with a timeout the map
        `multiprocess` has workers even on one core
    scheduler: of a Dask cluster, see `DaskMap`
    """
    if name not in MAPS:
        raise unknown("map", name, MAPS)
    if scheduler is not None and name != "dask":
        raise NetsError("`scheduler` is that of a Dask cluster: add `map` dask")
    if name == "dask":
        from nets_deap.parallel.dask_map import DaskMap

        here = scheduler is None and device != "cpu"
        return DaskMap(workers or (1 if here else None), scheduler, device=device, timeout=timeout)
    check_workers(workers)
    on_cpu = device == "cpu"
    alone = not on_cpu or available_cores() == 1
    if name == "serial" or (workers is None and timeout is None and alone):
        return SerialMap()
    return MultiprocessMap(workers or (None if on_cpu else 1), None if on_cpu else "spawn", timeout)
