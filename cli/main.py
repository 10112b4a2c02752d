"""The entry point of `nets-deap`. It imports little, so that Ctrl-C during imports ends in one line."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from contextlib import suppress

from nets_deap.util import interrupts

from . import console

# Limits of the system above these limit nothing here: of processes, and of bytes
ENOUGH = {"RLIMIT_NPROC": 10_000, "RLIMIT_AS": 2**36}
INTERRUPTED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM  # as shells have it


def main() -> None:
    """Exit codes: 0 done, 1 some trials failed, 2 bad input (one line on stderr), 130 Ctrl-C, 143 SIGTERM."""
    # When all is done, Python takes a moment to end: a signal then must not change the exit code. What is
    # registered last is called first: while other modules end, a signal cuts them short, then it is ignored.
    atexit.register(interrupts.ignore)
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (whoever started us)
    for stream in (sys.stdout, sys.stderr):
        console.prepare(stream)
    os.environ["MPLBACKEND"] = "agg"  # figures go into files, whatever a notebook says to its processes
    _heed_limits()
    with interrupts.guarded(signal.SIGINT, signal.SIGTERM):
        try:
            from .commands import run

            status = run(sys.argv[1:])
        except BaseException as error:
            # Imports and extension modules may make another error of an interrupt.
            if not (interrupts.seen() or isinstance(error, KeyboardInterrupt)):
                raise
            print("interrupted", file=sys.stderr)
            status = INTERRUPTED
        if status == INTERRUPTED and interrupts.seen():
            sys.stdout.flush()
            # Not sys.exit: Python may end with another code where an import was cut short.
            os._exit(TERMINATED if signal.SIGTERM in interrupts.seen() else INTERRUPTED)
    atexit.register(interrupts.end_with, status)
    sys.exit(status)


def _heed_limits() -> None:
    """Where processes or memory are limited, libraries compute in one thread: some end the process if they
    cannot start more when they are imported."""
    with suppress(ImportError):
        import resource

        limits = {kind: resource.getrlimit(getattr(resource, kind))[0] for kind in ENOUGH}
        if any(0 <= limits[kind] < enough for kind, enough in ENOUGH.items()):
            for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
                os.environ.setdefault(name, "1")


if __name__ == "__main__":
    main()
