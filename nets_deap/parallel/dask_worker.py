"""What a worker of a Dask cluster does: it gets ready once, and then computes items."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import dill
from distributed import WorkerPlugin, get_worker
from distributed.worker import Worker

from nets_deap import __version__
from nets_deap.parallel import worker as process
from nets_deap.parallel.joining import THREADED
from nets_deap.util import agreed, inside, interrupts, random_streams, shared
from nets_deap.util.errors import NetsError, raised

LOOK = 0.5  # seconds between two looks whether an item is still wanted


@dataclass
class _Preparation:
    """digests, values: those of `Ready`; loading: done once the data are there

    latest: a function, pickled, and the function, which may hold the values
    """

    digests: Mapping[agreed.Call, str]
    values: Iterable[str]
    loading: Future[None] = field(default_factory=Future)
    latest: tuple[bytes, Callable[..., Any]] | None = None

    def function(self, pickled: bytes) -> Callable[..., Any]:
        if self.latest is None or self.latest[0] != pickled:
            self.latest = pickled, dill.loads(pickled)
        return self.latest[1]


_prepared: dict[str, _Preparation] = {}  # by the name of `Ready`; several runs may share this worker


@cache
def _settle() -> None:
    """Once: a later run must not reseed what an item of another draws from at this moment."""
    process.alone()
    random_streams.draw_apart(*THREADED)


class Ready(WorkerPlugin):
    """Makes a worker ready: data are loaded, or received, and compared by their digests.

    name: its own; items are sent with it
    digests: of the data that the run has loaded; the last of them is loaded here at once
    values: contents of values that were given as objects, by key
    ours: the worker belongs to the run: it shares its files, and ends by it and not by Ctrl-C
    device: cuda, if it needs a GPU
    """

    def __init__(
        self,
        name: str,
        digests: Mapping[agreed.Call, str],
        values: Mapping[str, bytes],
        ours: bool,
        device: str,
    ) -> None:
        self.name, self.digests, self.values = name, digests, values
        self.ours, self.device = ours, device

    def setup(self, worker: Worker) -> None:
        if self.ours and threading.current_thread() is threading.main_thread():
            interrupts.leave_to_parent()
        elif not self.ours:
            agreed.elsewhere(os.environ.get("NETS_DATA_DIR", ""))
        _settle()
        for key, contents in self.values.items():
            shared.receive(key, contents)
        _prepared[self.name] = prepared = _Preparation(self.digests, set(self.values))
        # It may take a minute, and the worker must answer meanwhile.
        threading.Thread(target=self._load, args=(prepared, worker.address), daemon=True).start()

    def _load(self, prepared: _Preparation, address: str) -> None:
        try:
            if self.device != "cpu":
                import torch

                if not torch.cuda.is_available():
                    raise NetsError("it has no usable CUDA device")
            agreed.expect(self.digests)
            for call in list(self.digests)[-1:]:
                agreed.load(call)
            prepared.loading.set_result(None)
        except BaseException as error:
            why = str(error) if isinstance(error, NetsError) else raised(error)
            prepared.loading.set_exception(NetsError(f"the worker {address} does not get ready: {why}"))

    def teardown(self, worker: Worker) -> None:
        _prepared.pop(self.name, None)
        for key in set(self.values).difference(*(other.values for other in _prepared.values())):
            shared.forget(key)


class Unwanted(BaseException):
    """Nobody waits for the item any more."""


def compute(function: bytes, items: bytes, key: str, version: str, ready: str, topic: str) -> bytes:
    """The results of items, pickled: (succeeded, list of results, or exception).

    function, items: pickled by dill; ready: the name of the `Ready` that they need
    topic: of an event that is sent when it begins, once data and items are loaded; "": none is sent
    """
    worker = get_worker()
    if version != __version__:
        told = NetsError(
            f"the worker {worker.address} has nets-deap {__version__}, and the run {version}: install the "
            "same version there"
        )
        return bytes(dill.dumps((False, told)))
    try:
        prepared = _prepared[ready]
        prepared.loading.result()
        agreed.expect(prepared.digests)
        called, sent = prepared.function(function), dill.loads(items)
    except NetsError as error:
        return bytes(dill.dumps((False, error)))
    except Exception as error:
        hint = process.CREATOR if "deap.creator" in str(error) else ""
        told = NetsError(f"the worker {worker.address} cannot load its work: {raised(error)}{hint}")
        return bytes(dill.dumps((False, told)))
    if topic:
        worker.log_event(topic, {"begun": key, "worker": worker.address})
    due = time.monotonic()

    def look(levels: Sequence[inside.Level]) -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + LOOK
            task = worker.state.tasks.get(key)
            if task is None or task.state == "cancelled":
                raise Unwanted

    with inside.heard(look):
        return process.answer(lambda item: _results(called, item), sent)


def _results(function: Callable[..., Any], items: list[Any]) -> list[Any]:
    """A function that computes many at once has this as its `all`."""
    every = getattr(function, "all", None)
    return list(every(items)) if every and len(items) > 1 else [function(item) for item in items]
