"""Where the time of a whole evaluation goes: 1,000 genomes of LeNet-300-100, an epoch of MNIST's size."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import torch

from nets_deap.data.dataset import Part
from nets_deap.models.registry import build
from nets_deap.networks.backends import make_stack
from nets_deap.networks.scoring import score_all
from nets_deap.problem.recipe import Recipe
from nets_deap.training.loop import assert_masked, train

GENOMES = 1000


def rows() -> Iterator[dict[str, object]]:
    architecture, recipe = build("lenet-300-100", (1, 28, 28), 10), Recipe("sgd", 1e-3, 60, epochs=1)
    rng = np.random.default_rng(0)

    def part(samples: int) -> Part:
        x = torch.rand(samples, 1, 28, 28, device="cuda")
        return Part(x, torch.randint(10, (samples,), device="cuda"))

    training, validation = part(54_000), part(6_000)
    n = architecture.layout.size
    weights = [rng.normal(0, 0.05, n).astype(np.float32) for _ in range(8)] * (GENOMES // 8)
    masks = [rng.random(n) < 0.2 for _ in range(8)] * (GENOMES // 8)
    for precision in ("float32", "tf32"):
        for attempt in ("first", "second"):  # the first may compile
            clock = [time.perf_counter()]

            def lap(clock: list[float] = clock) -> float:
                torch.cuda.synchronize()
                clock.append(time.perf_counter())
                return clock[-1] - clock[-2]

            row: dict[str, object] = {"genomes": len(weights), "precision": precision, "attempt": attempt}
            stack = make_stack(architecture, weights, masks, recipe, "cuda", precision=precision)
            row["set_up"] = lap()
            train(stack, training, recipe, np.random.default_rng(1))
            row["epoch"] = lap()
            assert_masked(architecture, stack.flat, stack.mask.bool())
            row["mask_checked"] = lap()
            score_all(stack, validation, 10)
            row["scored"] = lap()
            stack.weights()
            row["read_back"] = lap()
            row["all"] = clock[-1] - clock[0]
            yield row
            del stack
