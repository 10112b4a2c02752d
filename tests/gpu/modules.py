"""Single networks that a GPU trains by autograd: milliseconds a step, beside those of its operations.

They are counted as direct convolutions, at the ceiling measured for matrix products; Winograd's take fewer.
Training computes convolutions in float32. TF32 is torch's default, and shows what it would gain.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from itertools import product

import numpy as np
import torch

from nets_deap.models.registry import build
from nets_deap.networks.masked_module import MaskedModule
from nets_deap.problem.recipe import Recipe
from nets_deap.util.threads import as_usual

from .limits import Ceilings, operations_of_a_step, step_seconds

TIMED, WARM = 40, 60  # steps
CASES = [  # network, samples a step
    ("resnet-20", 128),
    ("resnet-20", 1024),
    ("resnet-18", 128),
    ("vgg-16", 128),
    ("wrn-16-4", 128),
]
OPTIMIZER = "sgd:momentum=0.9,weight_decay=1e-4"


def rows(ceilings: Ceilings) -> Iterator[dict[str, object]]:
    x = torch.rand(10_000, 3, 32, 32, device="cuda")
    labels = torch.randint(10, (10_000,), device="cuda")
    for name, batch in CASES:
        architecture = build(name, (3, 32, 32), 10)
        rng = np.random.default_rng(0)
        weights = rng.normal(0, 0.05, architecture.layout.size).astype(np.float32)
        mask = rng.random(weights.size) < 0.1
        targets = architecture.criterion.loss.targets(labels, 10, torch.float32)
        for precision, how, layout in product(
            ("float32", "tf32"), ("recorded", "not recorded"), ("channels first", "channels last")
        ):
            recipe = Recipe(OPTIMIZER, 0.1, batch, schedule="cosine")
            network = MaskedModule(architecture, weights, mask, recipe, "cuda")
            network.channels_last = layout == "channels last"
            if how == "not recorded":
                network._recorder = None
            with as_usual() if precision == "float32" else nullcontext():
                operations = operations_of_a_step(architecture, x[:batch], targets[:batch])
                step_seconds(network, x, targets, batch, WARM)
                taken = sorted(step_seconds(network, x, targets, batch, TIMED) for _ in range(3))[1]
            yield {
                "network": name,
                "batch": batch,
                "precision": precision,
                "how": how,
                "layout": layout,
                "ms_a_step": 1000 * taken,
                "ms_of_operations": 1000 * operations / ceilings[precision],
            }
            del network
