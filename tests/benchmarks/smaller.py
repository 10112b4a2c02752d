"""Physically smaller networks: is structured sparsity faster, and are the outputs the same? One core.

python -m tests.benchmarks.smaller     writes results/weedout/speed.csv
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from nets_deap.models.architecture import Architecture
from nets_deap.models.initialisers import initial_std
from nets_deap.models.node_space import groups, known, live_nodes, narrow, weight_mask
from nets_deap.models.registry import build, state_dict

from .measure import Row, machine, medians

RESULTS = Path(__file__).parents[2] / "results" / "weedout" / "speed.csv"
NETWORKS = {
    "lenet-300-100": (1, 28, 28),
    "conv-6": (3, 32, 32),
    "wrn-16-1": (3, 32, 32),
    "wrn-16-4": (3, 32, 32),
}
SAMPLES, SPARSITIES = 60, (0.5, 0.8)


def nodes_of(architecture: Architecture, sparsity: float, rng: np.random.Generator) -> np.ndarray:
    """bool[k]: in each group a random share of the nodes is off."""
    nodes = np.zeros(known(architecture).nodes.size, dtype=bool)
    for part in groups(architecture, nodes).values():
        part[rng.choice(part.size, round((1 - sparsity) * part.size), replace=False)] = True
    return nodes


def network(architecture: Architecture, weights: np.ndarray, mask: np.ndarray) -> torch.nn.Module:
    module = architecture.module()
    module.load_state_dict(state_dict(architecture, weights, mask))
    return module.to(memory_format=torch.channels_last)


def step(module: torch.nn.Module, x: torch.Tensor, labels: torch.Tensor) -> None:
    """Forward and backward, as training needs them."""
    torch.nn.functional.cross_entropy(module.train()(x), labels).backward()


def rows() -> Iterator[Row]:
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    labels = torch.arange(SAMPLES) % 10
    for name, shape in NETWORKS.items():
        architecture = build(name, shape, 10)
        std = initial_std(architecture.layout, "kaiming")
        weights = rng.standard_normal(std.size, dtype=np.float32) * std
        x = torch.randn(SAMPLES, *shape).contiguous(memory_format=torch.channels_last)
        for sparsity in SPARSITIES:
            mask = weight_mask(architecture, nodes_of(architecture, sparsity, rng))
            narrowed = narrow(architecture, live_nodes(architecture, mask))
            masked = network(architecture, weights, mask)
            genes = narrowed.genes
            smaller = network(narrowed.architecture, weights[genes], mask[genes])
            both = masked, smaller
            with torch.no_grad():
                expected, outputs = (module.eval()(x) for module in both)
                slow, fast = medians(15, *(partial(module, x) for module in both))
            what, faster = f"{name}, {sparsity:.0%} of the nodes off", "times the masked network's speed"
            yield Row(f"{what}: forward", 1000 * fast, "ms", slow / fast, faster)
            slow, fast = medians(15, *(partial(step, module, x, labels) for module in both))
            yield Row(f"{what}: forward and backward", 1000 * fast, "ms", slow / fast, faster)
            difference = float((outputs - expected).abs().max() / expected.abs().max())
            yield Row(f"{what}: largest difference of outputs", difference, "of the largest output")


def main() -> None:
    found = []
    for row in rows():
        ratio = f"{row.ratio:6.2f} {row.of}" if row.of else ""
        print(f"{row.what:60} {row.value:9.3g} {row.unit:8} {ratio}", flush=True)
        found.append({**row._asdict(), **machine()})
    pd.DataFrame(found).to_csv(RESULTS, index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
