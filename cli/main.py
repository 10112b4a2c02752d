"""The entry point of `nets-deap`. It imports little, so that Ctrl-C during imports ends in one line."""

from __future__ import annotations

import os
import signal
import sys

from nets_deap.util import interrupts

INTERRUPTED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM  # as shells have it


def main() -> None:
    """Exit codes: 0 done, 1 some trials failed, 2 bad input (one line on stderr), 130 Ctrl-C, 143 SIGTERM."""
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115 (closed by whoever started us)
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
    sys.exit(status)


if __name__ == "__main__":
    main()
