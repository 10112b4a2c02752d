"""The entry point of `nets-deap`. It imports little, so that Ctrl-C during imports ends in one line."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from contextlib import suppress

from nets_deap.util import ending, interrupts

from . import console

# Limits of the system above these limit nothing here: of processes, and of bytes
ENOUGH = {"RLIMIT_NPROC": 10_000, "RLIMIT_AS": 2**36}
INTERRUPTED = 128 + signal.SIGINT  # as shells have it
PATIENCE = 3.5  # seconds after a signal in which a command saves and ends by itself
SHOW_CURSOR = "\x1b[?25h\n"  # which a progress bar has hidden


def main() -> None:
    """Exit codes: 0 done, 1 some trials failed, 2 bad input (one line on stderr), 130 Ctrl-C, 143 SIGTERM,
    129 SIGHUP."""
    # When all is done, Python takes a moment to end: a signal then must not change the exit code. What is
    # registered last is called first: while other modules end, a signal cuts them short, then it is ignored.
    atexit.register(interrupts.ignore)
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (whoever started us)
    for stream in (sys.stdout, sys.stderr):
        console.prepare(stream)
    os.environ["MPLBACKEND"] = "agg"  # figures go into files, whatever a notebook says to its processes
    _heed_limits()
    status: int | None = None
    try:
        with interrupts.guarded(*interrupts.ALL), interrupts.ended_within(PATIENCE, _end_at_once):
            status = _run()
            if status == INTERRUPTED and (seen := interrupts.seen()):
                with suppress(OSError):
                    sys.stdout.flush()
                # Not sys.exit: Python may end with another code where an import was cut short.
                ending.end_now(128 + seen[0])
    except KeyboardInterrupt as error:  # as it begins, or when all is done, which changes nothing
        if status is None:
            _say_interrupted()
            number = signal.SIGTERM if isinstance(error, interrupts.Terminated) else signal.SIGINT
            ending.end_now(128 + number)
    atexit.register(ending.end_with, status)
    sys.exit(status)


def _run() -> int:
    try:
        from .commands import run

        return run(sys.argv[1:])
    except BaseException as error:
        # Imports and extension modules may make another error of an interrupt.
        if not (interrupts.seen() or isinstance(error, KeyboardInterrupt)):
            raise
        _say_interrupted()
        return INTERRUPTED


def _say_interrupted() -> None:
    with suppress(OSError):  # the terminal may be gone
        print("interrupted", file=sys.stderr, flush=True)


def _end_at_once(number: int) -> None:
    """End in the midst of a step that takes too long; files are whole, as after a kill, and workers end too.

    Nothing here may wait: the main thread may be in the middle of printing into a pipe that nobody reads.
    """
    import select

    line = f"interrupted within a step that took longer than {PATIENCE:g} s; what was saved before is kept\n"
    with suppress(OSError, ValueError):
        if select.select([], [2], [], 0)[1]:
            os.write(2, f"{SHOW_CURSOR if os.isatty(2) else ''}{line}".encode())
    ending.end_now(128 + number)


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
