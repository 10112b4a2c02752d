"""Maps: `toolbox.map` in this process, over worker processes, or the whole population in one go.

A map is `map(function, items) -> list`, results in the order of the items; `tell` is called with each as it
comes. It knows nothing of genomes; `map_genomes` makes it DEAP's `toolbox.map`.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import dill
import multiprocess
from multiprocess.connection import wait

from nets_deap.config import MAPS
from nets_deap.errors import NetsError, unknown
from nets_deap.fitness import Evaluator
from nets_deap.genome import Evaluation, Genome

Item = TypeVar("Item")
Result = TypeVar("Result")

ATTEMPTS = 3  # workers that one item may kill before it is given up
ENDED_ITS_WORKER = f"ended its worker {ATTEMPTS} times (out of memory?): try fewer --workers"


def available_cores() -> int:
    """Cores this process may use, which a batch system or `taskset` may have limited."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _ctrl_c_is_not_lost() -> Iterator[Callable[[], None]]:
    """Yield a function that raises KeyboardInterrupt again if an item made an error of its own of it.

    Extension modules do so: pydantic-core, while it builds a validator, turns it into a SchemaError.
    """
    seen = []

    def note(number: int, frame: Any) -> None:
        seen.append(number)
        raise KeyboardInterrupt

    def check() -> None:
        if seen:
            raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # the caller's own; no main thread
        yield check
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class SerialMap:
    """One after another, in this process."""

    workers = 1

    def __call__(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        tell: Callable[[Result], None] | None = None,
        lost: Callable[[Item], Result] | None = None,
    ) -> list[Result]:
        results = []
        with _ctrl_c_is_not_lost() as check:
            for item in items:
                results.append(function(item))
                check()
                if tell:
                    tell(results[-1])
        return results

    def close(self) -> None:
        """Nothing to release."""

    def __enter__(self) -> SerialMap:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _leave_with_parent(parent: int) -> None:
    """End this worker once its parent is gone, in mid-evaluation too, so that none is left behind."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _compute_in_one_thread() -> None:
    """Workers do not compete for cores, and a forked one must not touch its parent's OpenMP threads."""
    os.environ["OMP_NUM_THREADS"] = "1"
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


def _answer(function: Callable[[Any], Any], item: Any) -> bytes:
    """What a worker sends back, pickled: (succeeded, result or exception)."""
    try:
        return bytes(dill.dumps((True, function(item))))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever the user's function raises belongs to the caller
        error.add_note(f"In a worker process:\n{traceback.format_exc()}")
        try:
            pickled = dill.dumps((False, error))
            dill.loads(pickled)  # an exception with arguments of its own may pickle and not come back
        except Exception:
            pickled = dill.dumps((False, NetsError(f"a worker failed: {type(error).__name__}: {error}")))
        return bytes(pickled)


def _work(connection: Any, parent: int) -> None:
    """A worker's life: receive (pickled function, or None for the last one; item), send the answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=_leave_with_parent, args=(parent,), daemon=True).start()
    _compute_in_one_thread()
    function: Callable[[Any], Any] | None = None
    while True:
        try:
            pickled, item = connection.recv()
        except (EOFError, OSError):
            return
        function = dill.loads(pickled) if pickled is not None else function
        assert function is not None
        connection.send_bytes(_answer(function, item))


class _Worker:
    def __init__(self, context: Any) -> None:
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, os.getpid()), daemon=True)
        self.process.start()
        theirs.close()
        self.function: bytes | None = None
        self.job: int | None = None

    def submit(self, job: int, function: bytes, item: Any) -> None:
        """Raises OSError if the worker is dead."""
        self.connection.send((None if function == self.function else function, item))
        self.job, self.function = job, function

    def kill(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


class MultiprocessMap:
    """Over worker processes; a worker that dies is replaced and its item computed again.

    workers: how many; all cores unless given
    start:   "fork" shares what this process has loaded; "spawn" starts afresh, as CUDA requires

    The workers start at the first call and live until `close()`, or until this process ends in whatever
    way. They ignore Ctrl-C. An exception raised by the function is raised here. For an item that has ended
    ATTEMPTS workers the result is `lost(item)`; without `lost`, NetsError is raised.
    """

    def __init__(self, workers: int | None = None, start: str = "fork") -> None:
        self.workers = workers or available_cores()
        self._context = multiprocess.get_context(start)
        self._pool: list[_Worker] = []

    def __call__(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        tell: Callable[[Result], None] | None = None,
        lost: Callable[[Item], Result] | None = None,
    ) -> list[Result]:
        items = list(items)
        # Functions defined in a script or a notebook go by value (dill), those of modules by name.
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
                self._pool.append(_Worker(self._context))
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
            self.close()  # a worker in mid-job would answer into the next call
            raise
        return [results[job] for job in range(len(items))]

    def _submit(self, place: int, job: int, function: bytes, item: Any, deaths: list[int]) -> None:
        while True:
            try:
                return self._pool[place].submit(job, function, item)
            except OSError:  # it died while it had nothing to do
                deaths[job] += 1
                if deaths[job] == ATTEMPTS:
                    raise NetsError(f"an evaluation {ENDED_ITS_WORKER}") from None
                self._replace(place)

    def _replace(self, place: int) -> None:
        """A new worker for one that died."""
        self._pool[place].kill()
        self._pool[place] = _Worker(self._context)

    def _collect(
        self, waiting: deque[int], deaths: list[int], give_up: Callable[[int], Any]
    ) -> list[tuple[int, Any]]:
        """Wait for at least one answer or death, and act on it; returns jobs that are over, with results."""
        came = []
        busy = {worker.connection: place for place, worker in enumerate(self._pool) if worker.job is not None}
        for connection in wait(list(busy)):  # a dead worker's connection is ready too, and at its end
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


@dataclass(frozen=True)
class _Measure:
    """In the worker: DEAP's fitness values, and the evaluation that the call left on the genome."""

    function: Callable[[Genome], Any]

    def __call__(self, genome: Genome) -> tuple[Any, Evaluation | None]:
        genome.measured = None
        return self.function(genome), genome.measured


class BatchedMap(SerialMap):
    """All genomes at once, as stacked tensors on the evaluator's device.

    It pays on a GPU; on a CPU it computes in one thread and takes as long as `SerialMap`. It is for
    `map_genomes` with our own `Evaluator`, bare or registered in a toolbox; any other function, a user's
    evaluation or a decorated one, is called with one item after another.
    """

    def __call__(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        tell: Callable[[Result], None] | None = None,
        lost: Callable[[Item], Result] | None = None,
    ) -> list[Result]:
        evaluator: Any = function.function if isinstance(function, _Measure) else None
        while isinstance(evaluator, partial) and not (evaluator.args or evaluator.keywords):
            evaluator = evaluator.func
        if type(evaluator) is not Evaluator:  # a subclass may evaluate in a way of its own
            return super().__call__(function, items, tell, lost)
        genomes: list[Any] = list(items)
        answers: list[Any] = [(measured.values, measured) for measured in evaluator.evaluate_all(genomes)]
        return answers


def map_genomes(
    engine: Callable[..., Iterable[Any]], function: Callable[[Genome], Any], genomes: Iterable[Genome]
) -> list[Any]:
    """DEAP's `toolbox.map`: fitness values back, and each genome keeps its evaluation.

    engine: a map of ours, or any `map(function, items)` that keeps the order, a `Pool.map` for example

    An evaluation in this process that draws from Python's `random` does not disturb DEAP's selection.
    """
    genomes = list(genomes)
    state = random.getstate()
    try:
        results = list(engine(_Measure(function), genomes))
    finally:
        random.setstate(state)
    for genome, (_, measured) in zip(genomes, results, strict=True):
        genome.measured = measured
    return [values for values, _ in results]


def make_map(name: str, workers: int | None, device: str) -> SerialMap | MultiprocessMap:
    """The map called `serial`, `multiprocess` or `batched`.

    `multiprocess` with one worker for want of cores is serial.
    """
    if name not in MAPS:
        raise unknown("map", name, MAPS)
    if name == "batched":
        return BatchedMap()
    if name == "serial" or (workers is None and available_cores() == 1):
        return SerialMap()
    return MultiprocessMap(workers, start="fork" if device == "cpu" and hasattr(os, "fork") else "spawn")
