"""How much memory there is: what would not fit is refused before anything is allocated."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nets_deap.util.errors import NetsError

SMALL = 2**24  # bytes that need no look at what there is
KINDS = ("can't allocate memory", "out of memory", "not enough memory")  # how torch words it


class OutOfMemoryError(NetsError):
    """Memory does not hold what was asked for."""


def available() -> float:
    """Bytes that this process may still take; infinite if the system does not say.

    The least of what the machine has, what its control group leaves, and the limit of the address space.
    """
    known = [_machine(), _control_group(), _address_space()]
    return max(0.0, min((number for number in known if number is not None), default=float("inf")))


def _machine() -> float | None:
    with suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(1024.0 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    with suppress(AttributeError, OSError, ValueError):
        return float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    return None


def _control_group() -> float | None:
    """What a container may still take; its file says `max` if that is unlimited."""
    group = Path("/sys/fs/cgroup")
    with suppress(OSError, ValueError):
        most, used = (
            int((group / name).read_text(encoding="ascii")) for name in ("memory.max", "memory.current")
        )
        cached = [line.split() for line in (group / "memory.stat").read_text(encoding="ascii").splitlines()]
        return float(most - used + sum(int(value) for key, value in cached if key == "inactive_file"))
    return None


def _address_space() -> float | None:
    with suppress(ImportError, OSError, ValueError):
        import resource  # not on Windows

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY:
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
            return float(limit - pages * resource.getpagesize())
    return None


def worded(number: float) -> str:
    """Bytes for people: 512 MB, 1.5 GB."""
    return f"{number / 1e6:,.0f} MB" if number < 1e9 else f"{number / 1e9:,.1f} GB"


def check(number: float, what: str, remedy: str) -> None:
    """Raise OutOfMemoryError if `what` would take more bytes than there are."""
    if number > SMALL and number > (left := available()):
        raise OutOfMemoryError(
            f"{what} would take {worded(number)} of memory, and {worded(left)} are free: {remedy}"
        )


def ran_out(error: BaseException) -> bool:
    """Does this error say that memory ran out? torch's is a RuntimeError on a CPU."""
    told = str(error).lower()
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(kind in told for kind in KINDS)
    )


SMALLER = "try a smaller `batch_size`, population or network"


@contextmanager
def told(remedy: str = SMALLER) -> Iterator[None]:
    """Turn memory that runs out, in numpy or in torch, into an OutOfMemoryError. Also a decorator."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not ran_out(error):
            raise
        raise OutOfMemoryError(f"out of memory: {remedy}") from error
