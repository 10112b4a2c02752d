"""The map over worker processes."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import dill
import multiprocess
from multiprocess.connection import wait

from nets_deap.parallel.protocol import Item, Result
from nets_deap.parallel.serial import SerialMap, unit_of
from nets_deap.parallel.worker import BEGUN, Worker
from nets_deap.util import inside, interrupts
from nets_deap.util.errors import NetsError

MOST_WORKERS = 1000
ATTEMPTS = 3  # workers that one item may kill before the map gives it up
ENDED_ITS_WORKER = f"ended its worker {ATTEMPTS} times (out of memory, or a crash?): try fewer `workers`"
# A worker that never began, where workers are new interpreters: they run the script anew
NO_GUARD = (
    "workers end before they begin: let your script start its work below `if __name__ == '__main__':`, "
    "because each worker imports it"
)
LOOK = 1.0  # seconds between two looks at workers that do not answer


def available_cores() -> int:
    """Cores that this process may use; a batch system or `taskset` may limit them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_workers(workers: int | None) -> None:
    """Raise NetsError for a number of workers that cannot be."""
    if workers is not None and not 1 <= workers <= MOST_WORKERS:
        raise NetsError(f"`workers` {workers}: expected 1 or more, and {MOST_WORKERS:,} at most")


def default_start() -> str:
    """How workers start: "fork" where that is safe, which is on Linux, and not beside other threads.

    "spawn" everywhere once `set_start_method` of multiprocessing or multiprocess has asked for another way.
    A fork copies a lock that another thread holds, and nobody opens the copy. Threads that end with the
    process, such as that of a progress bar, hold none of ours.
    """
    main = threading.main_thread()
    alone = threading.current_thread() is main and all(t is main or t.daemon for t in threading.enumerate())
    asked = {library.get_start_method(allow_none=True) for library in (multiprocess, multiprocessing)}
    safe = sys.platform == "linux" and hasattr(os, "fork") and alone and asked <= {None, "fork"}
    return "fork" if safe else "spawn"


class MultiprocessMap:
    """A map over worker processes. It replaces a worker that dies and computes its item again.

    workers: how many; one per available core unless given
    start:   "fork" shares what this process has loaded; "spawn" starts new interpreters, as CUDA requires;
        chosen by `default_start` at the first call unless given
    timeout: seconds that one item may take; an item that takes longer raises NetsError, or is `lost`

    The workers start at the first call. They live until `close()`, or until this process ends, however it
    ends. They ignore Ctrl-C. An exception raised by the function is raised here. For an item that has killed
    ATTEMPTS workers the result is `lost(item)`; without `lost`, NetsError is raised.
    """

    elsewhere = False
    sends = True  # items are pickled

    def __init__(
        self, workers: int | None = None, start: str | None = None, timeout: float | None = None
    ) -> None:
        check_workers(workers)
        self.workers = workers or available_cores()
        self.timeout = timeout
        self.start = start
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
        pickled = dill.dumps(function, recurse=True)
        waiting = deque(range(len(items)))
        deaths = [0] * len(items)
        results: dict[int, Result] = {}

        def give_up(job: int, why: str = ENDED_ITS_WORKER) -> Result:
            if lost is None:
                raise NetsError(f"an evaluation {why}")
            return lost(items[job])

        try:
            with interrupts.guarded() as check, inside.level(unit_of(function), len(items)) as told:
                while len(self._pool) < min(self.workers, len(items)):
                    self._start(len(self._pool))
                while len(results) < len(items):
                    for place in range(len(self._pool)):
                        if self._pool[place].job is None and waiting:
                            self._submit(place, waiting, pickled, items)
                    told(len(results), lambda: [items[w.job] for w in self._pool if w.job is not None])
                    for job, result in self._collect(waiting, deaths, give_up):
                        results[job] = result
                        if tell:
                            tell(result)
                    check()
        except BaseException:
            self.close()  # a busy worker would send its answer to the next call
            raise
        return [results[job] for job in range(len(items))]

    def _start(self, place: int) -> None:
        """A worker in this place, new or in place of one that died."""
        with interrupts.held_back():
            for old in self._pool[place : place + 1]:
                old.kill()
            try:
                context = multiprocess.get_context(self.start or default_start())
                self._pool[place : place + 1] = [Worker(context)]
            except OSError as error:
                raise NetsError(f"cannot start a worker ({error.strerror}): try fewer `workers`") from error

    def _submit(self, place: int, waiting: deque[int], function: bytes, items: list[Any]) -> None:
        """Give the next item to a worker that is idle, or to a new one if that has died in the meantime."""
        job = waiting.popleft()
        try:
            self._pool[place].submit(job, function, items[job])
        except OSError:
            self._start(place)
            self._pool[place].submit(job, function, items[job])

    def _collect(
        self, waiting: deque[int], deaths: list[int], give_up: Callable[..., Any]
    ) -> Iterator[tuple[int, Any]]:
        """Wait for answers and deaths and handle them; return (job, result) of finished jobs."""
        busy = {worker.connection: place for place, worker in enumerate(self._pool) if worker.job is not None}
        ready = wait(list(busy), LOOK)  # a dead worker's connection is ready too, at end of file
        for connection, place in busy.items():
            worker = self._pool[place]
            job = worker.job
            assert job is not None
            if connection in ready:
                try:
                    told = connection.recv_bytes()
                except (EOFError, OSError):
                    pass
                else:
                    if told == BEGUN:
                        worker.begin()
                        continue
                    succeeded, result = dill.loads(told)
                    worker.job = None
                    if not succeeded:
                        raise result
                    yield job, result
                    continue
            elif worker.late(self.timeout):
                self._start(place)
                yield job, give_up(job, f"took longer than `eval_timeout` {self.timeout:g} s: allow more")
                continue
            elif not worker.gone():
                continue
            self._start(place)
            deaths[job] += 1
            if deaths[job] < ATTEMPTS:
                waiting.appendleft(job)
            elif not worker.begun and worker.spawned:
                raise NetsError(NO_GUARD)
            else:
                yield job, give_up(job)

    def __reduce__(self) -> tuple[type[SerialMap], tuple[()]]:
        """In a worker, which may start no processes of its own, this map is a serial one."""
        return SerialMap, ()

    def close(self) -> None:
        """End the workers."""
        for worker in self._pool:
            worker.kill()
        self._pool = []

    def __enter__(self) -> MultiprocessMap:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
