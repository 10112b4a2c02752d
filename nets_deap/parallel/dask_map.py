"""The map over workers of a Dask cluster: on this machine, or wherever its workers are."""

from __future__ import annotations

import queue
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import dill

from nets_deap import __version__
from nets_deap.parallel.cluster import Cluster
from nets_deap.parallel.processes import ENDED_ITS_WORKER, LOOK
from nets_deap.parallel.protocol import Item, Result
from nets_deap.parallel.serial import SerialMap, unit_of
from nets_deap.util import inside, interrupts
from nets_deap.util.errors import NetsError, raised
from nets_deap.util.random_streams import undisturbed

if TYPE_CHECKING:
    from distributed import Client, Future

SMALL = 2**14  # bytes of a function that travels with each item; a larger one travels once to each worker
UNFINISHED = ("pending", "lost", "finished")  # the latter too: its worker may have died with the result
AT_ONCE = 2**22  # bytes of items that are submitted together


@dataclass
class _Task:
    """Items that are computed together, by their places. since, worker: when they have begun, and where"""

    places: Sequence[int]
    since: float | None = None
    worker: str = ""
    late: bool = False


@dataclass
class _Call:
    """One call of the map: its tasks by their keys, and the results so far by their places.

    topic: of the events that say what has begun where, if anybody wants to know
    """

    function: bytes | Future[bytes]
    items: list[Any]
    topic: str
    check: Callable[[], None]
    tasks: dict[str, _Task] = field(default_factory=dict)
    futures: dict[str, Future[bytes]] = field(default_factory=dict)
    results: dict[int, Any] = field(default_factory=dict)
    ended: queue.SimpleQueue[str] = field(default_factory=queue.SimpleQueue)

    def running(self) -> list[Any]:
        """The items that are computed now."""
        now = [self.items[place] for task in self.tasks.values() if task.since for place in task.places]
        return [getattr(item, "carried", item) for item in now]


class DaskMap:
    """A map over the workers of a Dask cluster.

    workers: how many on this machine, one per core unless given; not with a scheduler
    scheduler: tcp://host:port or tls://host:port of a cluster, or the scheduler file that it has written;
        None: a cluster on this machine. TLS takes its certificates from Dask's configuration
    client: a `distributed.Client` of your own, in place of a scheduler
    device: cuda, and each worker needs a GPU, and gets its share of the items as one stack where the function
        computes many at once, by its `all`
    timeout: seconds that one item may take; one that takes longer raises NetsError, or is `lost`

    The cluster starts, or is joined, at the first call. Workers need the same version of nets-deap, one
    thread each, and the data: from files of their own, whose digests are compared, or sent once. A worker
    that is lost is replaced by another, and its item computed again. For an item that has killed as many
    workers as the scheduler allows, 3 on this machine, the result is `lost(item)`; without `lost`, NetsError
    is raised. Raises NetsError if the cluster cannot be reached, or goes away.
    """

    sends = True  # items travel

    def __init__(
        self,
        workers: int | None = None,
        scheduler: str | None = None,
        client: Client | None = None,
        device: str = "cpu",
        timeout: float | None = None,
    ) -> None:
        self.cluster = Cluster(workers, scheduler, client, device)
        self.stacks, self.timeout = device != "cpu", timeout
        self._lock = threading.RLock()  # calls from several threads come one after the other

    @property
    def workers(self) -> int:
        return self.cluster.size()

    @property
    def elsewhere(self) -> bool:
        """Whether the workers may lack the files of this machine."""
        return not self.cluster.ours

    def __call__(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        tell: Callable[[Result], None] | None = None,
        lost: Callable[[Item], Result] | None = None,
    ) -> list[Result]:
        items = list(items)
        if not items:
            return []
        with self._lock, undisturbed(), interrupts.guarded() as check:  # Dask draws from the global streams
            self.cluster.start()
            with inside.level(unit_of(function), len(items)) as told:
                call = self._begun(function, items, check)
                try:
                    for keys in self._ended(call, told):
                        for place, result in self._results(call, keys, lost):
                            call.results[place] = result
                            if tell:
                                tell(result)
                except NetsError:
                    raise
                except Exception:
                    self.cluster.check()
                    raise
                finally:
                    self.cluster.cancel(list(call.futures.values()))
        return [call.results[place] for place in range(len(items))]

    def _begun(self, function: Callable[..., Any], items: list[Any], check: Callable[[], None]) -> _Call:
        pickled = self.cluster.pickled(function)
        sent = pickled if len(pickled) <= SMALL else self.cluster.held(pickled)
        watched = self.timeout is not None or inside.is_heard()
        call = _Call(sent, items, self.cluster.topic if watched else "", check)
        self.cluster.on_begun = lambda key, worker: _note(call, key, worker)
        stacked = self.stacks and hasattr(function, "all")
        shares = max(1, self.workers) if stacked else len(items)
        places = [range(i, len(items), shares) for i in range(min(shares, len(items)))]
        self._submit(call, places)
        return call

    def _submit(self, call: _Call, shares: Sequence[Sequence[int]]) -> None:
        waiting: list[tuple[str, bytes]] = []
        size = 0
        for places in shares:
            key = f"nets-deap-{uuid.uuid4().hex}"
            call.tasks[key] = _Task(places)
            sent = bytes(dill.dumps([call.items[place] for place in places], recurse=True))
            waiting.append((key, sent))
            size += len(sent)
            if size >= AT_ONCE or places is shares[-1]:
                self._sent(call, waiting)
                waiting, size = [], 0

    def _sent(self, call: _Call, waiting: Sequence[tuple[str, bytes]]) -> None:
        from nets_deap.parallel.dask_worker import compute

        keys, items = zip(*waiting, strict=True)
        same = (__version__, self.cluster.ready, call.topic)
        arguments = (items, keys, *([value] * len(keys) for value in same))
        futures = self.cluster.client.map(
            compute, [call.function] * len(keys), *arguments, key=list(keys), pure=False, retries=0
        )
        for key, future in zip(keys, futures, strict=True):
            call.futures[key] = future
            self._watch(call, future)

    def _watch(self, call: _Call, future: Future[bytes]) -> None:
        future.add_done_callback(lambda future: call.ended.put(future.key))

    def _ended(self, call: _Call, told: inside.Tell) -> Iterator[list[str]]:
        """The keys of tasks that have ended or are late, until all items have results."""
        while len(call.results) < len(call.items):
            told(len(call.results), call.running)
            keys = []
            with suppress(queue.Empty):
                keys.append(call.ended.get(timeout=LOOK))
                while True:
                    keys.append(call.ended.get_nowait())
            call.check()
            self.cluster.check()
            yield keys
            for task in call.tasks.values():
                if self.timeout and task.since and time.monotonic() - task.since > self.timeout:
                    task.late = True
            yield [key for key, task in call.tasks.items() if task.late]

    def _results(
        self, call: _Call, keys: Iterable[str], lost: Callable[[Any], Any] | None
    ) -> Iterator[tuple[int, Any]]:
        """(place, result) of the items of tasks that have ended or are late. Raises what they have raised."""
        ended = [key for key in keys if key in call.tasks]  # one that was late may have ended all the same
        done = {key: call.futures[key] for key in ended if call.futures[key].status == "finished"}
        answers = self.cluster.gathered(done, call.check) if done else {}
        for key, answer in answers.items():
            succeeded, results = dill.loads(answer)
            if not succeeded:
                raise results
            del call.futures[key]
            yield from zip(call.tasks.pop(key).places, results, strict=True)
        for key in ended:
            if key not in answers:
                yield from self._other(call, key, lost)

    def _other(self, call: _Call, key: str, lost: Callable[[Any], Any] | None) -> Iterator[tuple[int, Any]]:
        """The same for a task that has ended without a result."""
        from distributed import KilledWorker

        task, future = call.tasks[key], call.futures[key]
        if not task.late and future.status in UNFINISHED:
            self._watch(call, future)
            return
        del call.tasks[key], call.futures[key]
        error = future.exception() if future.status == "error" else None
        if task.late:
            self.cluster.cancel([future])  # or the worker in place of the one that ends begins with it
            self.cluster.end(task.worker)
            why = f"took longer than `eval_timeout` {self.timeout:g} s: allow more"
            yield from _given_up(call, task, lost, why)
        elif isinstance(error, KilledWorker) and len(task.places) > 1:  # one of them has done it
            self._submit(call, [[place] for place in task.places])
        elif isinstance(error, KilledWorker):
            yield from _given_up(call, task, lost, ENDED_ITS_WORKER)
        else:
            self.cluster.check()
            self.cluster.check_workers()
            why = raised(error) if error else "somebody has cancelled it"
            raise NetsError(f"a worker of the cluster has failed: {why}")

    def __reduce__(self) -> tuple[type[SerialMap], tuple[()]]:
        """In a worker this map is a serial one."""
        return SerialMap, ()

    def close(self) -> None:
        """Leave the cluster; one on this machine ends."""
        self.cluster.close()

    def __enter__(self) -> DaskMap:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _note(call: _Call, key: str, worker: str) -> None:
    if task := call.tasks.get(key):
        task.since, task.worker = time.monotonic(), worker


def _given_up(
    call: _Call, task: _Task, lost: Callable[[Any], Any] | None, why: str
) -> Iterator[tuple[int, Any]]:
    if lost is None:
        raise NetsError(f"an evaluation {why}")
    for place in task.places:
        yield place, lost(call.items[place])
