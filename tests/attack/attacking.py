"""Mutated files for a reader: anything but a result or a NetsError is a finding."""

from __future__ import annotations

import random
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nets_deap.util.errors import LONGEST, NetsError

MOST = 1 << 30  # bytes that reading a damaged file may take
LONG = 10  # seconds of computing


@dataclass(frozen=True)
class Reader:
    """make: write a whole file; path: where; read: what a command does with it; ways: how it is mutated"""

    make: Callable[[], None]
    path: Path
    read: Callable[[], Any]
    ways: tuple[Callable[[bytes, random.Random], bytes], ...]


@contextmanager
def limited() -> Iterator[None]:
    """At most MOST more bytes of memory than now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MOST, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def attack(reader: Reader, cases: int, seed: int) -> dict[str, bytes]:
    """Read so many mutated files in the current folder. Returns finding -> a file that shows it."""

    def late(*_: object) -> None:
        raise TimeoutError(f"longer than {LONG} s")

    reader.make()
    reader.read()
    whole, findings = reader.path.read_bytes(), {}
    before = signal.signal(signal.SIGPROF, late)
    try:
        with limited():
            for case in range(cases):
                rng = random.Random(f"{seed} {case}")
                content = rng.choice(reader.ways)(whole, rng)
                reader.path.write_bytes(content)
                signal.setitimer(signal.ITIMER_PROF, LONG)
                try:
                    reader.read()
                except NetsError as error:
                    if len(str(error)) > LONGEST or "\n" in str(error):
                        findings[f"a message that is too long: {error}"] = content
                except BaseException as error:
                    if isinstance(error, KeyboardInterrupt):
                        raise
                    findings.setdefault(_where(error), content)
                finally:
                    signal.setitimer(signal.ITIMER_PROF, 0)
    finally:
        signal.signal(signal.SIGPROF, before)
    return findings


def _where(error: BaseException) -> str:
    """The error, and the last line of ours that it went through."""
    place, trace = "", error.__traceback__
    while trace is not None:
        if "nets_deap" in trace.tb_frame.f_code.co_filename:
            place = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__} in {place}: {str(error)[:80]}"
