"""The two ceilings of a GPU, how fast it moves numbers and multiplies matrices; and how steps are timed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from nets_deap.models.architecture import Architecture
from nets_deap.networks.protocol import Trainable
from nets_deap.networks.stacked_mlp import products_in_tf32

SIDE = 8192
PRECISIONS = ("float32", "tf32", "bf16")
Ceilings = dict[str, float]  # "bytes": B/s moved; "float32", "tf32", "bf16": operations a second


def seconds(function: Callable[[], object], repeats: int = 5) -> float:
    """The median, by the device's own clock, after a first call that warms up."""
    function()
    times = []
    for _ in range(repeats):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        function()
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end) / 1000)
    return statistics.median(times)


def step_seconds(network: Trainable, x: Tensor, targets: Tensor, batch: int, count: int) -> float:
    """A step's seconds, the mean over `count` steps with minibatches of `batch` samples."""
    rng = np.random.default_rng(0)
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(count):
        network.step(x, targets, rng.integers(len(x), size=batch))
    torch.cuda.synchronize()
    return (time.perf_counter() - start) / count


def operations_of_a_step(architecture: Architecture, x: Tensor, targets: Tensor) -> int:
    """Floating-point operations of a step of one dense network, two for each multiplication."""
    module = architecture.module().to(x.device)
    with FlopCounterMode(display=False) as counter:
        architecture.criterion.loss(module(x), targets).mean().backward()
    return counter.get_total_flops()


def measure() -> Ceilings:
    return {"bytes": _moved(), **{precision: _multiplied(precision) for precision in PRECISIONS}}


def _moved() -> float:
    source = torch.randn(2**29, device="cuda")
    target = torch.empty_like(source)
    return 2 * source.nbytes / seconds(lambda: target.copy_(source))


def _multiplied(precision: str) -> float:
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    a, b, product = (torch.randn(SIDE, SIDE, device="cuda", dtype=dtype) for _ in range(3))
    with products_in_tf32(precision == "tf32"):
        return 2 * SIDE**3 / seconds(lambda: torch.mm(a, b, out=product))


def rows(ceilings: Ceilings) -> Iterator[dict[str, object]]:
    yield {
        "what": "a copy of 2 GiB, bytes read and written",
        "value": ceilings["bytes"] / 1e12,
        "unit": "TB/s",
    }
    for precision in ("float32", "tf32", "bf16"):
        what = f"matrix products of {SIDE:,}³, {precision}"
        yield {"what": what, "value": ceilings[precision] / 1e12, "unit": "TFLOP/s"}
