"""Maps: `toolbox.map` in this process, or over worker processes.

A map is `map(function, items) -> list`, results in the order of the items. It knows nothing of genomes;
`map_genomes` makes it DEAP's `toolbox.map`.
"""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import dill
import multiprocess
from multiprocess.connection import wait

from nets_deap.errors import NetsError
from nets_deap.genome import Genome

if TYPE_CHECKING:
    from nets_deap.fitness import Evaluation

Item = TypeVar("Item")
Result = TypeVar("Result")

ATTEMPTS = 3  # workers that one item may kill before the run gives up


class SerialMap:
    """One after another, in this process."""

    workers = 1

    def __call__(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        return [function(item) for item in items]

    def close(self) -> None:
        """Nothing to release."""


def _leave_with_parent(parent: int) -> None:
    """End this worker once its parent is gone, in mid-evaluation too, so that none is left behind."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _work(connection: Any, parent: int) -> None:
    """A worker's life: receive (function or None for the last one, item), send (succeeded, result)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=_leave_with_parent, args=(parent,), daemon=True).start()
    function: Callable[[Any], Any] | None = None
    while True:
        try:
            pickled, item = connection.recv()
        except (EOFError, OSError):
            return
        try:
            function = dill.loads(pickled) if pickled is not None else function
            assert function is not None
            answer = (True, function(item))
        except Exception as error:  # every failure of the user's function belongs to the caller
            error.add_note(f"In a worker process:\n{traceback.format_exc()}")
            answer = (False, error)
        connection.send(answer)


class _Worker:
    def __init__(self, context: Any) -> None:
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, os.getpid()), daemon=True)
        self.process.start()
        theirs.close()
        self.function: bytes | None = None
        self.job: int | None = None

    def submit(self, job: int, function: bytes, item: Any) -> None:
        self.job = job
        self.connection.send((None if function == self.function else function, item))
        self.function = function

    def kill(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


class MultiprocessMap:
    """Over worker processes; a worker that dies is replaced and its item computed again.

    workers: how many; all cores unless given
    start:   "fork" shares what this process has loaded; "spawn" starts afresh, as CUDA requires

    The workers start at the first call and live until `close()`, or until this process ends in whatever
    way. They ignore Ctrl-C. An exception raised by the function is raised here.
    """

    def __init__(self, workers: int | None = None, start: str = "fork") -> None:
        self.workers = workers or os.cpu_count() or 1
        self._context = multiprocess.get_context(start)
        self._pool: list[_Worker] = []

    def __call__(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        items = list(items)
        # Functions defined in a script or a notebook go by value (dill), those of modules by name.
        pickled = dill.dumps(function)
        waiting = deque(range(len(items)))
        deaths = [0] * len(items)
        results: dict[int, Result] = {}
        try:
            while len(self._pool) < min(self.workers, len(items)):
                self._pool.append(_Worker(self._context))
            while len(results) < len(items):
                for place, worker in enumerate(self._pool):
                    if worker.job is None and waiting:
                        self._submit(place, waiting, pickled, items)
                self._collect(waiting, deaths, results)
        except BaseException:
            self.close()  # a worker in mid-job would answer into the next call
            raise
        return [results[job] for job in range(len(items))]

    def _submit(self, place: int, waiting: deque[int], function: bytes, items: list[Any]) -> None:
        job = waiting.popleft()
        try:
            self._pool[place].submit(job, function, items[job])
        except OSError:  # it died while idle: that is not this item's doing
            self._replace(place)
            waiting.appendleft(job)

    def _replace(self, place: int) -> None:
        self._pool[place].kill()
        self._pool[place] = _Worker(self._context)

    def _collect(self, waiting: deque[int], deaths: list[int], results: dict[int, Any]) -> None:
        """Wait for at least one answer or death, and act on it."""
        busy = {worker.connection: place for place, worker in enumerate(self._pool) if worker.job is not None}
        for connection in wait(list(busy)):  # a dead worker's connection is ready too, and at its end
            worker = self._pool[busy[connection]]
            job = worker.job
            assert job is not None
            try:
                succeeded, result = connection.recv()
            except (EOFError, OSError):
                deaths[job] += 1
                if deaths[job] == ATTEMPTS:
                    raise NetsError(
                        f"an evaluation ended its worker process {ATTEMPTS} times (out of memory?): "
                        "try fewer --workers"
                    ) from None
                self._replace(busy[connection])
                waiting.appendleft(job)
                continue
            worker.job = None
            if not succeeded:
                raise result
            results[job] = result

    def close(self) -> None:
        """End the workers."""
        for worker in self._pool:
            worker.kill()
        self._pool = []

    def __enter__(self) -> MultiprocessMap:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


@dataclass(frozen=True)
class _Measure:
    """In the worker: DEAP's fitness values, and the evaluation that the call left on the genome."""

    function: Callable[[Genome], Any]

    def __call__(self, genome: Genome) -> tuple[Any, Evaluation | None]:
        return self.function(genome), genome.measured


def map_genomes(
    engine: SerialMap | MultiprocessMap, function: Callable[[Genome], Any], genomes: Iterable[Genome]
) -> list[Any]:
    """DEAP's `toolbox.map` on a map of ours: fitness values back, and each genome keeps its evaluation."""
    genomes = list(genomes)
    results = engine(_Measure(function), genomes)
    for genome, (_, measured) in zip(genomes, results, strict=True):
        genome.measured = measured
    return [values for values, _ in results]


def make_map(name: str, workers: int | None, device: str) -> SerialMap | MultiprocessMap:
    """The map called `serial` or `multiprocess`; with one worker for want of cores, serial."""
    if name == "serial" or (workers is None and os.cpu_count() == 1):
        return SerialMap()
    return MultiprocessMap(workers, start="fork" if device == "cpu" and hasattr(os, "fork") else "spawn")
