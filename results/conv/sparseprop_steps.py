"""A training step of convolutional networks: ours, SparseProp's and torch's, in turns, on one core.

    PYTHONPATH=SPARSEPROP:. python results/conv/sparseprop_steps.py

SPARSEPROP: a folder with SparseProp 0.1.14 (Nikdan et al. 2023), built by its setup.py. A layer stays dense
where SparseProp finds that faster, in trials that are not timed. Writes sparseprop_steps.csv.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from sparseprop.modules import sparsify_if_faster
from torch import Tensor, nn

from nets_deap.individuals.genome import initGenome
from nets_deap.models.architecture import Architecture
from nets_deap.models.initialisers import initial_std
from nets_deap.models.registry import build
from nets_deap.networks.sparse_module import SparseModule
from nets_deap.problem.recipe import Recipe
from nets_deap.util.tables import write_csv
from nets_deap.util.threads import flushed_denormals
from tests.benchmarks.convolutions import CASES, DENSITIES, usual_step
from tests.benchmarks.measure import machine, medians


def their_step(
    architecture: Architecture, weights: np.ndarray, batch: int
) -> Callable[[Tensor, Tensor], None]:
    named = architecture.named(weights, architecture.initial_extras)
    module = architecture.module().train()
    module.load_state_dict({name: torch.from_numpy(each) for name, each in named.items()}, strict=False)
    shapes: dict[nn.Module, torch.Size] = {}
    layers = [each for each in module.modules() if isinstance(each, (nn.Conv2d, nn.Linear))]
    for each in layers:
        each.register_forward_pre_hook(lambda layer, inputs: shapes.update({layer: inputs[0].shape}))
    module(torch.zeros(batch, 3, 32, 32))
    for parent in list(module.modules()):
        for name, each in list(parent.named_children()):
            if each in shapes and (each.weight != 0).float().mean() <= 0.2:
                each._forward_pre_hooks.clear()
                setattr(parent, name, sparsify_if_faster(each, tuple(shapes[each])))
    optimizer = torch.optim.SGD(module.parameters(), lr=0.01, momentum=0.9, fused=True)

    def step(x: Tensor, y: Tensor) -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(x), y).backward()
        optimizer.step()

    return step


def main() -> None:
    torch.set_num_threads(1)
    rows = []
    for name, batch in CASES:
        architecture, recipe = build(name, (3, 32, 32), 10), Recipe("sgd:momentum=0.9", 0.01, batch)
        x = torch.randn(batch, 3, 32, 32, generator=torch.Generator().manual_seed(0))
        y = torch.arange(batch) % 10
        targets = architecture.targets(y, torch.float32)
        usual = partial(usual_step(architecture, batch), x, y)
        for density in DENSITIES[1:]:
            genome = initGenome(initial_std(architecture.layout), density, rng=np.random.default_rng(0))
            ours = SparseModule(architecture, genome.weights, genome.mask, recipe)
            theirs = their_step(architecture, genome.weights * genome.mask, batch)
            with flushed_denormals():
                times = medians(9, usual, partial(theirs, x, y), partial(ours.step, x, targets))
            told = dict(zip(("torch_ms", "sparseprop_ms", "ours_ms"), (1e3 * t for t in times), strict=True))
            rows.append({"network": name, "images": batch, "density": density} | told | machine())
            print(rows[-1], flush=True)
    write_csv(Path(__file__).with_suffix(".csv"), rows)


if __name__ == "__main__":
    main()
