"""A Dask cluster: one on this machine that is ours, or one that is joined."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

import dill

from nets_deap import __version__
from nets_deap.parallel import joining
from nets_deap.parallel.processes import LOOK, available_cores
from nets_deap.util import agreed, interrupts, random_streams, shared, waiting
from nets_deap.util.errors import NetsError, shortened, warn_once

if TYPE_CHECKING:
    from distributed import Client, Future

SILENCE = 30.0  # seconds between two looks whether there is a worker at all
ASKED = 5  # times, of all workers, of which one or another is just lost
LIBRARIES = ("torch", "numpy")  # other versions of which may round in another way
logger = logging.getLogger(__name__)


class Cluster:
    """What a `DaskMap` computes on; see there.

    ours: whether it is on this machine and ends with the map
    """

    def __init__(
        self, workers: int | None, scheduler: str | None, client: Client | None, device: str
    ) -> None:
        try:
            import distributed  # noqa: F401
        except ImportError as error:
            raise NetsError("`map` dask is not installed here: pip install 'nets-deap[dask]'") from error
        joining.check_scheduler(scheduler, workers)
        if client is not None and (workers or scheduler):
            raise NetsError("a client of your own brings its cluster: leave `workers` and `scheduler` out")
        if client is not None and client.asynchronous:
            raise NetsError("an asynchronous client: a map waits for its results, and needs an ordinary one")
        self.ours = scheduler is None and client is None
        self.on_begun: Callable[[str, str], None] = lambda key, worker: None
        self._count, self._scheduler, self._given = workers or available_cores(), scheduler, client
        self._device = device
        self._client: Client | None = None
        self._local: Any = None
        self.topic = f"nets-deap-{uuid.uuid4().hex}"  # of events that say which item has begun where
        self.ready = ""  # the name of the plugin that the workers have
        self._have: tuple[Any, ...] = ()  # the digests and the keys that they have from it
        self._settings = ExitStack()
        self._due = 0.0  # when to look next whether there is a worker at all

    @property
    def client(self) -> Client:
        assert self._client is not None
        return self._client

    @property
    def address(self) -> str:
        return str(self.client.scheduler_info(n_workers=0)["address"])

    def size(self) -> int:
        """Number of workers; those that it will have, before it has started."""
        return self._count if self.ours or self._client is None else len(self._workers())

    def _workers(self) -> dict[str, Any]:
        return dict(self.client.scheduler_info(n_workers=-1)["workers"])

    def start(self) -> None:
        """Start the cluster, or join it, at the first call."""
        if self._client is not None:
            return
        try:
            self._start()
        except BaseException:  # Ctrl-C too: what has begun is not taken for a cluster by the next call
            self.close()
            raise

    def _start(self) -> None:
        from distributed import Client

        with interrupts.held_back():
            self._settings.enter_context(joining.configured(self.ours))
            if self._given is not None:
                self._client = self._given
            else:
                self._settings.enter_context(joining.silent())
            if self.ours:
                self._local = joining.own(self._count)
                self._client = Client(self._local)
            elif self._scheduler is not None:
                self._client = joining.join(self._scheduler)
        random_streams.draw_apart(*joining.THREADED)
        self.client.subscribe_topic(self.topic, self._hear)
        if self.ours:
            self.client.wait_for_workers(self._count)
        waiting.tell(f"Dask at {self.address}, dashboard {self.client.dashboard_link}")
        logger.info("cluster %s, dashboard %s", self.address, self.client.dashboard_link)
        self.check_workers()

    def _of_all(self, ask: Callable[[], Any]) -> Any:
        """What all workers answer; asked again if one is lost meanwhile."""
        for _ in range(ASKED):
            try:
                return ask()
            except OSError:
                time.sleep(1)
                self.check()
        return ask()

    def _hear(self, event: tuple[float, Any]) -> None:
        _, told = event
        if isinstance(told, dict) and "begun" in told:
            self.on_begun(told["begun"], told["worker"])

    def check(self) -> None:
        """Raise NetsError if the scheduler is gone. Start workers again that are ours and gone for good."""
        # Its nanny goes too, with a worker that dies while it starts.
        if self._local is not None and len(self._local.workers) < self._count:
            self._local.scale(self._count)
        if self.client.status in ("closed", "closing"):
            raise NetsError(
                f"the scheduler at {self._scheduler or 'this machine'} is gone: start it again, and give the "
                "same command to go on from what is saved"
            )
        if not self.ours and time.monotonic() >= self._due:
            self._due = time.monotonic() + SILENCE
            if not self._workers():
                warn_once(
                    f"the scheduler at {self._scheduler or self.address} has no worker: waiting for one"
                )

    def check_workers(self) -> None:
        """Raise NetsError for a worker or scheduler of another version, or a worker of several threads.

        A scheduler needs the package, too: it unpickles what it sends on.
        """
        for address, told in self._workers().items():
            if address.startswith("inproc://"):
                raise NetsError(
                    "the workers are threads of this process: start the cluster with processes, or take "
                    "`map` serial"
                )
            if told["nthreads"] != 1:
                raise NetsError(f"the worker {address} has {told['nthreads']} threads: start it with one")
        found: Any = self._of_all(lambda: self.client.get_versions(packages=["nets_deap", *LIBRARIES]))
        here = found["client"]["packages"]
        workers = {f"the worker {address}": told["packages"] for address, told in found["workers"].items()}
        everyone = {**workers, "the scheduler": found["scheduler"]["packages"]}
        if not all(there.get("nets_deap") for there in everyone.values()):
            self._look_on_the_path(everyone)
        for who, there in everyone.items():
            if (version := there.get("nets_deap")) != __version__:
                raise NetsError(
                    f"{who} has {f'nets-deap {version}' if version else 'no nets-deap'}, and the run "
                    f"{__version__}: install the same version there"
                )
        for who, there in workers.items():
            for name in LIBRARIES:
                if there.get(name) != here.get(name):
                    warn_once(
                        f"{who} has {name} {there.get(name)}, not {here.get(name)}: last digits may differ"
                    )

    def _look_on_the_path(self, everyone: Mapping[str, dict[str, Any]]) -> None:
        """Fill in the version of the package where it is not installed, but Python finds it."""

        def version() -> str | None:  # pickled as a whole, since there may be no nets_deap to find it in
            try:
                import nets_deap
            except ImportError:
                return None
            return nets_deap.__version__

        told: Any = self._of_all(lambda: self.client.run(version))
        found = {f"the worker {address}": each for address, each in told.items()}
        found["the scheduler"] = self.client.run_on_scheduler(version)
        for who, there in everyone.items():
            there["nets_deap"] = there.get("nets_deap") or found.get(who)

    def pickled(self, function: Callable[..., Any]) -> bytes:
        """The function, pickled, once all workers have what it refers to."""
        with shared.references() as keys:
            pickled = bytes(dill.dumps(function, recurse=True))
        wanted = (agreed.known(), () if self.ours else tuple(sorted(keys)))
        if wanted != self._have:
            self._make_ready(*wanted)
            self._have = wanted
        return pickled

    def _make_ready(self, digests: dict[agreed.Call, str], keys: Sequence[str]) -> None:
        from nets_deap.parallel.dask_worker import Ready

        plugin = Ready(
            f"nets-deap-{uuid.uuid4().hex}",
            digests,
            {key: shared.contents(key) for key in keys},
            self.ours,
            self._device,
        )
        try:
            self._of_all(lambda: self.client.register_plugin(plugin))
        except Exception as error:
            self.check()
            self.check_workers()
            raise NetsError(f"the workers do not get ready: {shortened(str(error), 200)}") from error
        self._forget()
        self.ready = plugin.name

    def _forget(self) -> None:
        if self.ready:
            with suppress(Exception):  # the cluster may be gone
                self.client.unregister_worker_plugin(self.ready)

    def held(self, contents: bytes) -> Future[bytes]:
        """Bytes that each worker gets once, from another or from the scheduler."""
        return self.client.submit(bytes, contents, key=f"nets-deap-{uuid.uuid4().hex}", pure=False)

    def gathered(self, futures: Mapping[str, Future[bytes]], check: Callable[[], None]) -> dict[str, bytes]:
        """What tasks that have finished gave, those without that have failed after all.

        A result that was lost with its worker is computed again. `check` is called meanwhile.
        """
        gathering = self.client.gather(dict(futures), errors="skip", asynchronous=True)
        loop: Any = self.client.loop
        answers = asyncio.run_coroutine_threadsafe(gathering, loop.asyncio_loop)
        while True:
            with suppress(TimeoutError):
                return {key: told for key, told in answers.result(LOOK).items() if told is not None}
            check()
            self.check()

    def end(self, worker: str) -> None:
        """End what a worker computes, with the worker, in whose place its nanny starts another."""
        try:
            self.client.restart_workers([worker], timeout=4, raise_for_error=False)
        except ValueError as error:
            raise NetsError(
                f"the worker {worker} cannot be ended, since it has no nanny: start it by `dask worker`"
            ) from error

    def cancel(self, futures: Sequence[Future[bytes]]) -> None:
        """Let the cluster forget these tasks, begun or not."""
        if futures and self._client is not None and self.client.status == "running":
            with interrupts.held_back(), suppress(Exception):
                self.client.cancel(list(futures), force=True)

    def close(self) -> None:
        try:
            with interrupts.held_back(), suppress(Exception):
                if self._client is not None and not self.ours:
                    self._forget()
                    self._client.unsubscribe_topic(self.topic)
                if self._client is not None and self._given is None:
                    self._client.close(timeout=1)
                if self._local is not None:
                    self._local.close(timeout=3)
        finally:
            self._settings.close()
            self._client = self._local = None
            self.ready, self._have = "", ()
