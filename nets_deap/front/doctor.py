"""What this machine gives: versions, kernels, devices, data, speed; and what to do about each lack."""

from __future__ import annotations

import importlib.util
import platform
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nets_deap.parallel.processes import available_cores
from nets_deap.util import memory
from nets_deap.util.errors import NetsError

if TYPE_CHECKING:
    from nets_deap.problem.problem import Problem

GOOD, LACK, FAULT = "ok", "lacks", "fault"
EXTRAS = {  # the extra of the package -> the modules that it brings, and what for
    "dask": ("distributed", "searches and comparisons on a cluster"),
    "parquet": ("pyarrow", "data in parquet files"),
    "structured": ("torch_pruning", "hidden nodes of networks that cannot be traced"),
}
LEAST_MEMORY = 2 * 2**30
SECONDS = 5.0  # of the speed check


class Finding(NamedTuple):
    """what: is looked at; state: "ok", "lacks" (something is slower or missing) or "fault" (nothing works)
    told: what was found; remedy: what to do, "" if nothing
    """

    what: str
    state: str
    told: str
    remedy: str = ""


def findings(data_dir: Path | str = "data", seconds: float = SECONDS) -> Iterator[Finding]:
    """Look at one thing after the other. seconds: of the speed check; 0 leaves it out."""
    for check in (_python, _torch, _kernels, _devices, _memory, _extras):
        yield from check()
    yield from _data(Path(data_dir))
    if seconds:
        yield _speed(seconds)


def _python() -> Iterator[Finding]:
    from nets_deap import __version__

    names = ("deap", "numpy", "scikit-learn", "safetensors")
    packages = ", ".join(f"{name} {_version(name)}" for name in names)
    yield Finding(
        "versions", GOOD, f"nets-deap {__version__}, Python {platform.python_version()}, {packages}"
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "(not installed)"


def _torch() -> Iterator[Finding]:
    told = f"torch {_version('torch')}, torchvision {_version('torchvision')}"
    try:
        import torchvision.ops  # noqa: F401
    except (ImportError, RuntimeError, OSError) as error:
        remedy = "install both anew, in a fresh environment: pip install torchvision brings a torch that fits"
        yield Finding("torch", FAULT, f"{told}: {str(error).splitlines()[0]}", remedy)
        return
    yield Finding("torch", GOOD, told)


def _kernels() -> Iterator[Finding]:
    from nets_deap.networks.kernels import library

    if library.available():
        yield Finding("kernels", GOOD, f"compiled, for {library.best_variant()}")
        return
    remedy = "install a C compiler (gcc or clang), then nets-deap again: sparse perceptrons train faster"
    yield Finding("kernels", LACK, "none: torch trains everything", remedy)


def _devices() -> Iterator[Finding]:
    import torch

    cores = available_cores()
    yield Finding("processor", GOOD, f"{cores} core{'s' * (cores > 1)}, {platform.machine()}")
    if not torch.cuda.is_available():
        yield Finding("GPU", GOOD, "none that torch can use")
        return
    for i in range(torch.cuda.device_count()):
        told = torch.cuda.get_device_properties(i)
        triton = importlib.util.find_spec("triton") is not None
        remedy = "" if triton else "pip install triton: populations of perceptrons train 1.7 times as fast"
        size = memory.worded(told.total_memory)
        yield Finding("GPU", GOOD if triton else LACK, f"{told.name}, {size}", remedy)


def _memory() -> Iterator[Finding]:
    free = memory.available()
    remedy = "close other programs, or give a container more" if free < LEAST_MEMORY else ""
    yield Finding("memory", LACK if remedy else GOOD, f"{memory.worded(free)} free", remedy)


def _extras() -> Iterator[Finding]:
    for extra, (module, purpose) in EXTRAS.items():
        there = importlib.util.find_spec(module) is not None
        remedy = "" if there else f"pip install 'nets-deap[{extra}]', if you want it"
        yield Finding(f"extra {extra}", GOOD, f"{'there' if there else 'not there'}: {purpose}", remedy)


def _data(folder: Path) -> Iterator[Finding]:
    from nets_deap.data.sources import DATASETS

    found = [name for name in DATASETS if _there(name, folder)]
    missing = [name for name in DATASETS if name not in found]
    remedy = "`download` fetches one; `data_dir` or NETS_DATA_DIR says where they lie" if missing else ""
    where = f"{folder}" if folder.is_dir() else f"{folder}, which is no folder"
    told = ", ".join(found) + (f"; not in {where}: {', '.join(missing)}" if missing else "")
    yield Finding("data", LACK if missing else GOOD, told, remedy)


def _there(name: str, folder: Path) -> bool:
    from nets_deap.data.sources import DATASETS

    try:
        DATASETS[name](folder, False)
    except NetsError:
        return False
    return True


def _speed(seconds: float) -> Finding:
    """LeNet-300-100 on digits: steps a second of the dense network, and how much faster one of 5 % is."""
    from nets_deap.problem.problem import Problem
    from nets_deap.problem.recipe import Recipe

    problem = Problem("digits", "lenet-300-100", Recipe("sgd", 0.01, 60))
    dense, sparse = (_steps_a_second(problem, density, seconds / 2) for density in (1.0, 0.05))
    told = f"LeNet-300-100 on digits: {dense:,.0f} steps a second, {sparse / dense:.1f} times as many at 5 %"
    return Finding("speed", GOOD, told)


def _steps_a_second(problem: Problem, density: float, seconds: float) -> float:
    import numpy as np
    import torch

    from nets_deap.networks.backends import make_network
    from nets_deap.util.threads import one_thread

    architecture, data, recipe = problem.architecture, problem.data, problem.recipe
    rng = np.random.default_rng(0)
    weights = rng.normal(0, 0.05, architecture.layout.size).astype(np.float32)
    network = make_network(architecture, weights, rng.random(weights.size) < density, recipe)
    targets = architecture.targets(data.train.y, torch.float32)

    def steps(limit: float) -> float:
        start, count = time.perf_counter(), 0
        while time.perf_counter() - start < limit:
            network.step(data.train.x, targets, rng.integers(len(targets), size=recipe.batch_size))
            count += 1
        return count / (time.perf_counter() - start)

    with one_thread():
        steps(0.2 * seconds)
        return steps(0.8 * seconds)
