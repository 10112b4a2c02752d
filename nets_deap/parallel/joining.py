"""Starting a Dask cluster on this machine, and joining one that runs."""

from __future__ import annotations

import json
import logging
import multiprocessing
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nets_deap.parallel.processes import ATTEMPTS, NO_GUARD, check_workers
from nets_deap.util.errors import NetsError, shortened

if TYPE_CHECKING:
    from distributed import Client

PATIENCE = "10s"  # for a scheduler to answer, at first and after it was lost
THREADED = ("dask", "distributed", "tornado")  # packages whose event loop draws from `random` beside us
PROTOCOLS = ("tcp://", "tls://", "ws://", "wss://")

ALWAYS = {"distributed.admin.large-graph-warning-threshold": "1GB"}  # the user cannot make it smaller
# Of a cluster of our own: one item at a time on a worker, so that its death counts against that item alone
CONFIG = {
    "distributed.scheduler.allowed-failures": ATTEMPTS - 1,
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.worker.profile.enabled": False,  # it looks at a worker a hundred times a second
    "distributed.worker.memory.terminate": False,
    "distributed.worker.memory.pause": False,
    "distributed.nanny.pre-spawn-environ.DASK_LOGGING__DISTRIBUTED": "critical",
    "logging": {"distributed": "critical", "bokeh": "critical", "tornado": "critical"},
}


def check_scheduler(scheduler: str | None, workers: int | None) -> None:
    """Raise NetsError for an address or a file that cannot be, or workers beside it."""
    check_workers(workers)
    if scheduler is None:
        return
    if workers is not None:
        raise NetsError("`scheduler` brings its own workers: leave `workers` out")
    if not scheduler.startswith(PROTOCOLS) and not _is_scheduler_file(Path(scheduler)):
        raise NetsError(
            f"`scheduler` {shortened(scheduler, 80)}: expected tcp://host:port, tls://host:port or the "
            "scheduler file of a running cluster"
        )


def _is_scheduler_file(path: Path) -> bool:
    try:
        return isinstance(json.loads(path.read_bytes())["address"], str)
    except (OSError, ValueError, TypeError, KeyError):
        return False


@contextmanager
def silent() -> Iterator[None]:
    """Loggers that tell nothing: what goes wrong is raised."""
    names = ("distributed", "distributed.client")
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def configured(ours: bool) -> AbstractContextManager[Any]:
    """Dask's settings, as long as a cluster is used: one of our own replaces lost workers meanwhile."""
    import dask

    settings: AbstractContextManager[Any] = dask.config.set(ALWAYS | CONFIG if ours else ALWAYS)
    return settings


def own(workers: int) -> Any:
    """A `LocalCluster` with so many workers. Raises NetsError if they end before they begin."""
    from distributed import LocalCluster

    if getattr(multiprocessing.current_process(), "_inheriting", False):  # a worker that starts
        raise NetsError(NO_GUARD)
    for left in reversed(range(ATTEMPTS)):
        try:
            return LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                memory_limit=0,
                dashboard_address=":0",
                silence_logs=logging.CRITICAL,
            )
        except RuntimeError as error:
            if not left:
                raise NetsError(f"{NO_GUARD} ({shortened(str(error), 80)})") from error
    raise AssertionError


def join(scheduler: str) -> Client:
    """A client of the cluster at an address, or with a scheduler file. Raises NetsError if none answers."""
    from distributed import Client

    file = not scheduler.startswith(PROTOCOLS)
    try:
        if file:
            return Client(scheduler_file=scheduler, timeout=PATIENCE)
        return Client(scheduler, timeout=PATIENCE)
    except (OSError, ValueError, TypeError, KeyError) as error:
        told = re.sub(r"^in <.*?>: ", "", " ".join(str(error.__cause__ or error).split()))
        if re.search("ssl|tls|certificate", told, re.I):
            raise NetsError(
                f"`scheduler` {scheduler}: TLS is refused ({shortened(told, 80)}): Dask takes the "
                "certificates from distributed.comm.tls in its configuration: give those of this cluster"
            ) from error
        raise NetsError(f"no scheduler answers at `scheduler` {scheduler}: {shortened(told, 150)}") from error
