"""A worker process, and how its parent talks to it."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import dill
import multiprocess

from nets_deap.util import inside, interrupts
from nets_deap.util.errors import NetsError, NetsWarning, raised
from nets_deap.util.lazy import loaded
from nets_deap.util.random_streams import scatter_global_streams

BEGUN = b""  # what a worker sends when it has loaded an item and begins to compute
CREATOR = "; create it at the top of your script, where new processes find it"
PR_SET_PDEATHSIG = 1  # prctl(2): the signal that this process gets when the thread that started it ends


def _leave_with_parent(parent: int, started_by_main_thread: bool) -> None:
    """See to it that this worker ends with its parent, even in the middle of an evaluation.

    On Linux the kernel does it, even if the evaluation never lets another thread run. It watches the thread
    that has started the worker, so that this serves only where it was the main thread.
    """
    if sys.platform == "linux" and started_by_main_thread:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    if os.name == "nt" or not hasattr(os, "getppid"):  # Windows never changes the number
        multiprocess.parent_process().join()
    else:
        while os.getppid() == parent:
            time.sleep(0.5)
    os._exit(1)


def alone() -> None:
    """Make this process a worker: it logs and warns nothing, as its parent does, draws random numbers of its
    own, and uses one thread: workers must not compete for cores, nor touch a forked parent's OpenMP threads.
    """
    logging.getLogger("nets_deap").setLevel(logging.CRITICAL + 1)
    warnings.simplefilter("ignore", NetsWarning)
    scatter_global_streams()
    os.environ["OMP_NUM_THREADS"] = "1"
    if torch := loaded("torch"):
        torch.set_num_threads(1)


def answer(function: Callable[[Any], Any], item: Any) -> bytes:
    """What a worker sends back, pickled: (succeeded, result or exception)."""
    try:
        return bytes(dill.dumps((True, function(item))))
    except BaseException as error:  # whatever the user's function raises is raised in the parent
        error.add_note(f"In a worker process:\n{traceback.format_exc()}")
        try:
            pickled = dill.dumps((False, error))
            dill.loads(pickled)  # an exception with its own arguments may pickle but not unpickle
        except Exception:
            pickled = dill.dumps((False, NetsError(f"a worker failed: {raised(error)}")))
        return bytes(pickled)


def _work(connection: Any, parent: int, started_by_main_thread: bool) -> None:
    """A worker's loop: receive (pickled function, or None for the previous one; item), send BEGUN, then the
    answer."""
    interrupts.leave_to_parent()
    inside.deafen()
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)  # a group of its own, so that processes which the function leaves end with it
    _leave_with_parent(parent, started_by_main_thread)
    alone()
    function: Callable[[Any], Any] | None = None
    worker = os.getpid()
    while True:
        try:
            received = connection.recv_bytes()
        except (EOFError, OSError):
            return
        try:
            pickled, item = dill.loads(received)
            function = dill.loads(pickled) if pickled is not None else function
        except Exception as error:
            hint = CREATOR if "deap.creator" in str(error) else ""
            why = NetsError(f"a worker cannot load its work: {raised(error)}{hint}")
            connection.send_bytes(dill.dumps((False, why)))
            continue
        assert function is not None
        with suppress(OSError):
            connection.send_bytes(BEGUN)
        told = answer(function, item)
        if os.getpid() != worker:
            os._exit(0)  # a process that the function has forked and that came back here: not a worker
        try:
            connection.send_bytes(told)
        except OSError:
            os._exit(1)  # the parent is gone, or the function has closed the connection


class Worker:
    """A worker process. job: the number of its item; since: when it began with it, by `time.monotonic`; None
    while it still loads what it needs."""

    def __init__(self, context: Any) -> None:
        in_main = threading.current_thread() is threading.main_thread()
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, os.getpid(), in_main), daemon=True)
        self.process.start()
        theirs.close()
        self.function: bytes | None = None
        self.job: int | None = None
        self.since: float | None = None
        self.begun = False  # with any item at all
        self.spawned = self.process.__class__.__name__ == "SpawnProcess"
        self._seen_stopped = False

    def submit(self, job: int, function: bytes, item: Any) -> None:
        """Raises OSError if the worker is dead."""
        given = (None if function == self.function else function, item)
        self.connection.send_bytes(dill.dumps(given, recurse=True))
        self.job, self.function, self.since = job, function, None
        self._seen_stopped = False

    def begin(self) -> None:
        self.since, self.begun = time.monotonic(), True

    def late(self, timeout: float | None) -> bool:
        """Has it computed longer than so many seconds?"""
        if timeout is None or self.since is None:
            return False
        return time.monotonic() - self.since > timeout

    def gone(self) -> bool:
        """Whether the process has ended, or stood still at this call and at the one before.

        A child of its own may keep its connection open, so that the connection says nothing. Ctrl-Z stops
        this process together with the worker, and both go on together: once is not enough.
        """
        before, self._seen_stopped = self._seen_stopped, _stopped(self.process.pid)
        return not self.process.is_alive() or (before and self._seen_stopped)

    def kill(self) -> None:
        """End the worker, and the processes that its function has left."""
        self.process.kill()
        if hasattr(os, "killpg"):
            with suppress(OSError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.join()
        self.connection.close()


def _stopped(process: int) -> bool:
    if not hasattr(os, "waitid"):  # not on Windows, nor on macOS before Python 3.13
        return False
    try:
        return os.waitid(os.P_PID, process, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None
    except OSError:  # it has ended and was waited for
        return False
