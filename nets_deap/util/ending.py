"""How a process ends that has nothing left to do, or is not to go on."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any, NoReturn

from nets_deap.util.interrupts import ALL

FREEING = 0.3  # seconds for what a process that ends at once still does


def end_with(status: int) -> None:
    """From now on any of the signals ends the process at once with this exit code: nothing is left to do."""

    def end(number: int, frame: Any) -> None:
        sys.stdout.flush()
        os._exit(status)

    for number in ALL:
        signal.signal(number, end)


def end_now(status: int) -> NoReturn:
    """End this process without its clean-up, but for the semaphores of its locks and queues, which would stay
    in the system, or be told of on stderr by the process that looks after them."""
    thread = threading.Thread(target=_free_semaphores, daemon=True)
    thread.start()
    thread.join(FREEING)  # another thread may be at work on them at this moment
    os._exit(status)


def _free_semaphores() -> None:
    for package in ("multiprocessing", "multiprocess"):
        util, synchronize = (sys.modules.get(f"{package}.{name}") for name in ("util", "synchronize"))
        if util and synchronize:
            for finaliser in list(util._finalizer_registry.values()):
                if finaliser._callback is synchronize.SemLock._cleanup:
                    finaliser()
