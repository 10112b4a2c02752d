"""A cluster of several hosts on one Linux machine, with a slow network between them; needs root.

Each host is a network namespace. Workers see an empty folder in place of the client's, so that data of one's
own and the files of a comparison travel. Runs must equal the serial ones; generations are timed beside the
formula.

python -m tests.benchmarks.cluster.hosts
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from .__main__ import write
from .link import Network
from .model import Costs

ROOT = Path(__file__).parents[3]
CLIENT, SCHEDULER, WORKERS = 0, 1, (2, 3, 4, 5)
LINKS = {"1 Gbit/s, 0.5 ms": (125e6, 0.0005), "100 Mbit/s, 10 ms": (12.5e6, 0.01)}
EVOLVE = "evolve --dataset digits --arch mlp-100 --epochs 2 --pop 8 --gens 3"
COMPARE = (
    "compare --dataset digits --arch mlp-10 --epochs 2 --seeds 2 --density 0.2 "
    "--methods imp:cycles=2,nets:pop=2,gens=2,random,imp:cycles=2+random"
)
OWN = """
import sys
import nets_deap as nd
from sklearn.datasets import load_wine
for map in ("serial", "dask"):
    place = {"map": map, "scheduler": sys.argv[1]} if map == "dask" else {"map": map}
    nd.find_ticket("mlp:13-20-3", load_wine(return_X_y=True), method="nets:pop=4,gens=2,epochs=2",
        show=False, out="own-" + map, **place)
"""
TIMES = ["elapsed_s", "seconds"]


@contextmanager
def cluster(network: Network, workers: int, client: Path) -> Iterator[str]:
    """The scheduler's address. client: the folder that workers do not see"""
    address = f"tcp://{network.address(SCHEDULER)}:8786"
    settings = {"PYTHONPATH": str(ROOT), "DASK_DISTRIBUTED__SCHEDULER__WORKER_SATURATION": "1.0"}
    dask = f"{sys.executable} -m distributed.cli.dask_"
    with ExitStack() as started, tempfile.TemporaryDirectory() as folder:

        def start(host: int, words: Sequence[str]) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(
                network.command(host, words),
                cwd=folder,
                env=os.environ | settings,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            started.callback(process.wait)
            started.callback(process.terminate)
            return process

        at = f"--host {network.address(SCHEDULER)} --no-dashboard"
        start(SCHEDULER, f"{dask}scheduler {at}".split())
        for host in WORKERS[:workers]:
            hidden = f"mount -t tmpfs none {client} && exec {dask}worker {address} --nthreads 1"
            at = f"--host {network.address(host)} --no-dashboard --local-directory {folder}/{host}"
            start(host, ["sh", "-c", f"{hidden} --memory-limit 0 {at}"])
        yield address


def client(network: Network, words: Sequence[str], folder: Path) -> str:
    """What a command on the client's host prints."""
    told = subprocess.run(
        network.command(CLIENT, [sys.executable, *words]),
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if told.returncode:
        raise SystemExit(f"{' '.join(words)[:200]}\n{told.stdout}{told.stderr}")
    return told.stdout


def equal(network: Network, address: str, folder: Path) -> Iterator[dict[str, Any]]:
    """Runs on the cluster beside serial ones: whether tables, times aside, and tickets are equal."""
    places = {"serial": ["--map", "serial"], "dask": ["--map", "dask", "--scheduler", address]}
    for name, command in {"evolve": EVOLVE, "compare": COMPARE}.items():
        for out, place in places.items():
            words = ["-m", "nets_deap", *command.split(), *place, "-q", "--out", f"{name}-{out}"]
            client(network, words, folder)
    client(network, ["-c", OWN, address], folder)
    for name in ("evolve", "compare", "own"):
        one, two = folder / f"{name}-serial", folder / f"{name}-dask"
        files = sorted(tables_and_tickets(one) | tables_and_tickets(two))
        differ = [file for file in files if not same_file(one / file, two / file)]
        yield {"run": name, "files": len(files), "differ": " ".join(differ) or "none"}


def tables_and_tickets(folder: Path) -> set[str]:
    found = {
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.suffix in {".csv", ".safetensors"}
    }
    return {name for name in found if not name.startswith(("checkpoint", "seconds"))}


def same_file(one: Path, two: Path) -> bool:
    if not (one.exists() and two.exists()):
        return False
    if one.suffix != ".csv":
        return one.read_bytes() == two.read_bytes()
    left, right = pd.read_csv(one), pd.read_csv(two)
    return bool(left.drop(columns=TIMES, errors="ignore").equals(right.drop(columns=TIMES, errors="ignore")))


def generation(address: str) -> None:
    """On the client's host: seconds of a generation of genomes of LeNet-300-100, and of this process."""
    from nets_deap.parallel import DaskMap

    from .measured import DENSITIES, SLEEP, SLEEPERS, Sleeping, nothing, parcels, result, size, timed

    items = parcels(DENSITIES[0], SLEEPERS)
    with DaskMap(scheduler=address) as engine:
        while engine.workers < int(os.environ["HOSTS"]):
            engine(nothing, range(4))
        work = Sleeping(SLEEP, DENSITIES[0])
        engine(work, items)
        clock = engine.cluster.client.run_on_scheduler
        before = clock(time.process_time)
        seconds, used = timed(3, lambda: engine(work, items))
        scheduler = (clock(time.process_time) - before) / 3 / SLEEPERS
    sizes = {"sent": size((None, items[0])), "answered": size((True, result(DENSITIES[0])))}
    told = {"population": SLEEPERS, "evaluation": SLEEP, "seconds": seconds}
    print(json.dumps(told | {"client": used / SLEEPERS, "scheduler": scheduler} | sizes))


def timed_on(network: Network, address: str, workers: int, worker: float, folder: Path) -> dict[str, Any]:
    """A generation beside the formula. worker: seconds that one adds, measured here if there is one alone"""
    os.environ["HOSTS"] = str(workers)
    told = json.loads(client(network, ["-m", __spec__.name, address], folder).splitlines()[-1])
    population, seconds = told["population"], told["seconds"]
    base = Costs(
        told["evaluation"],
        worker=worker,
        task=max(told["client"], told["scheduler"]),
        sent=told["sent"],
        answered=told["answered"],
        bandwidth=network.bandwidth,
        latency=network.latency,
    )
    if workers == 1:
        base = replace(base, worker=max(0.0, (seconds - base.seconds(population, 1)) / population))
    formula = base.seconds(population, workers)
    return {
        "workers": workers,
        "population": population,
        "seconds": seconds,
        "formula": formula,
        "formula_to_real": formula / seconds,
        "worker": base.worker,
        "client": told["client"],
        "scheduler": told["scheduler"],
    }


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # namespaces must go
    compared: list[dict[str, Any]] = []
    timed: list[dict[str, Any]] = []
    for link, (bandwidth, latency) in LINKS.items():
        worker = 0.0
        for workers in (1, 2, 4):
            network = Network(2 + workers, bandwidth, latency)
            try:
                with tempfile.TemporaryDirectory() as name, cluster(network, workers, Path(name)) as address:
                    row = timed_on(network, address, workers, worker, Path(name))
                    worker = row["worker"]
                    timed.append({"link": link} | row)
                    print(timed[-1], flush=True)
                    if workers == len(WORKERS) and link == list(LINKS)[-1]:
                        compared = [{"link": link} | row for row in equal(network, address, Path(name))]
            finally:
                network.close()
    write("hosts", timed)
    write("hosts-equal", compared)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        generation(sys.argv[1])
    else:
        main()
