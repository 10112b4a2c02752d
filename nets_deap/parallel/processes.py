"""The map over worker processes."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import dill
import multiprocess
from multiprocess.connection import wait

from nets_deap.parallel.serial import Item, Result
from nets_deap.parallel.worker import Worker
from nets_deap.util.errors import NetsError

MOST_WORKERS = 1000
ATTEMPTS = 3  # workers that one item may kill before the map gives it up
ENDED_ITS_WORKER = f"ended its worker {ATTEMPTS} times (out of memory?): try fewer `workers`"


def available_cores() -> int:
    """Cores that this process may use; a batch system or `taskset` may limit them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_workers(workers: int | None) -> None:
    """Raise NetsError for a number of workers that cannot be."""
    if workers is not None and not 1 <= workers <= MOST_WORKERS:
        raise NetsError(f"`workers` {workers}: expected 1 or more, and {MOST_WORKERS:,} at most")


class MultiprocessMap:
    """A map over worker processes. It replaces a worker that dies and computes its item again.

    workers: how many; one per available core unless given
    start:   "fork" shares what this process has loaded; "spawn" starts new interpreters, as CUDA requires

    The workers start at the first call. They live until `close()`, or until this process ends, however it
    ends. They ignore Ctrl-C. An exception raised by the function is raised here. For an item that has killed
    ATTEMPTS workers the result is `lost(item)`; without `lost`, NetsError is raised.
    """

    def __init__(self, workers: int | None = None, start: str = "fork") -> None:
        check_workers(workers)
        self.workers = workers or available_cores()
        self._context = multiprocess.get_context(start)
        self._pool: list[Worker] = []

    def __call__(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        tell: Callable[[Result], None] | None = None,
        lost: Callable[[Item], Result] | None = None,
    ) -> list[Result]:
        items = list(items)
        # dill sends functions of a script or a notebook by value, and functions of modules by name.
        pickled = dill.dumps(function)
        waiting = deque(range(len(items)))
        deaths = [0] * len(items)
        results: dict[int, Result] = {}

        def give_up(job: int) -> Result:
            if lost is None:
                raise NetsError(f"an evaluation {ENDED_ITS_WORKER}")
            return lost(items[job])

        try:
            while len(self._pool) < min(self.workers, len(items)):
                self._pool.append(Worker(self._context))
            while len(results) < len(items):
                for place, worker in enumerate(self._pool):
                    if worker.job is None and waiting:
                        job = waiting.popleft()
                        self._submit(place, job, pickled, items[job], deaths)
                for job, result in self._collect(waiting, deaths, give_up):
                    results[job] = result
                    if tell:
                        tell(result)
        except BaseException:
            self.close()  # a busy worker would send its answer to the next call
            raise
        return [results[job] for job in range(len(items))]

    def _submit(self, place: int, job: int, function: bytes, item: Any, deaths: list[int]) -> None:
        while True:
            try:
                return self._pool[place].submit(job, function, item)
            except OSError:  # the worker died while it was idle
                deaths[job] += 1
                if deaths[job] == ATTEMPTS:
                    raise NetsError(f"an evaluation {ENDED_ITS_WORKER}") from None
                self._replace(place)

    def _replace(self, place: int) -> None:
        """A new worker for one that died."""
        self._pool[place].kill()
        self._pool[place] = Worker(self._context)

    def _collect(
        self, waiting: deque[int], deaths: list[int], give_up: Callable[[int], Any]
    ) -> list[tuple[int, Any]]:
        """Wait for at least one answer or death and handle it; return (job, result) of finished jobs."""
        came = []
        busy = {worker.connection: place for place, worker in enumerate(self._pool) if worker.job is not None}
        for connection in wait(list(busy)):  # a dead worker's connection is ready too, at end of file
            worker = self._pool[busy[connection]]
            job = worker.job
            assert job is not None
            try:
                succeeded, result = dill.loads(connection.recv_bytes())
            except (EOFError, OSError):
                self._replace(busy[connection])
                deaths[job] += 1
                if deaths[job] < ATTEMPTS:
                    waiting.appendleft(job)
                else:
                    came.append((job, give_up(job)))
                continue
            worker.job = None
            if not succeeded:
                raise result
            came.append((job, result))
        return came

    def close(self) -> None:
        """End the workers."""
        for worker in self._pool:
            worker.kill()
        self._pool = []

    def __enter__(self) -> MultiprocessMap:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
