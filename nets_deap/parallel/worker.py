"""A worker process, and how its parent talks to it."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import dill

from nets_deap.util.errors import NetsError, NetsWarning


def _leave_with_parent(parent: int) -> None:
    """End this worker once its parent is gone, even in the middle of an evaluation: none is left behind."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _compute_in_one_thread() -> None:
    """Use one thread: workers must not compete for cores, nor touch the OpenMP threads of a forked parent."""
    os.environ["OMP_NUM_THREADS"] = "1"
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


def _answer(function: Callable[[Any], Any], item: Any) -> bytes:
    """What a worker sends back, pickled: (succeeded, result or exception)."""
    try:
        return bytes(dill.dumps((True, function(item))))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever the user's function raises is raised in the parent
        error.add_note(f"In a worker process:\n{traceback.format_exc()}")
        try:
            pickled = dill.dumps((False, error))
            dill.loads(pickled)  # an exception with its own arguments may pickle but not unpickle
        except Exception:
            pickled = dill.dumps((False, NetsError(f"a worker failed: {type(error).__name__}: {error}")))
        return bytes(pickled)


def _work(connection: Any, parent: int) -> None:
    """A worker's loop: receive (pickled function, or None for the previous one; item), send the answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    threading.Thread(target=_leave_with_parent, args=(parent,), daemon=True).start()
    _compute_in_one_thread()
    warnings.simplefilter("ignore", NetsWarning)  # the parent tells it, once
    function: Callable[[Any], Any] | None = None
    while True:
        try:
            pickled, item = connection.recv()
        except (EOFError, OSError):
            return
        function = dill.loads(pickled) if pickled is not None else function
        assert function is not None
        connection.send_bytes(_answer(function, item))


class Worker:
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
