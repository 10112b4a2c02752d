"""Which samples each step of a training sees."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from nets_deap.problem.recipe import Recipe


def minibatches(available: int, recipe: Recipe, rng: np.random.Generator) -> Iterator[np.ndarray | None]:
    """Yield the indices of the samples of each optimiser step; None means all samples.

    If the recipe uses a share of the data, it is drawn once for the whole training. The order of the samples
    is drawn again in every epoch.
    """
    samples = recipe.samples(available)
    batch = recipe.batch_size or samples
    steps = recipe.steps(available)
    if batch >= available and samples == available:
        yield from (None for _ in range(steps))
        return
    chosen = rng.permutation(available)[:samples]
    done = 0
    while done < steps:
        for start in range(0, samples, batch):
            yield chosen[start : start + batch]
            done += 1
            if done == steps:
                return
        chosen = rng.permutation(chosen)


SHIFT = 4  # pixels


def augmented(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Images [b, c, h, w], each shifted by up to SHIFT pixels (zeros fill the gap), half of them mirrored.

    He et al. 2016, section 4.2, do the same with CIFAR-10.
    """
    samples, _, height, width = x.shape
    padded = torch.nn.functional.pad(x, (SHIFT,) * 4)
    rows, columns = (
        rng.integers(2 * SHIFT + 1, size=(samples, 1)) + np.arange(side) for side in (height, width)
    )
    mirrored = rng.random(samples) < 0.5
    columns[mirrored] = columns[mirrored, ::-1]
    sample = torch.arange(samples)[:, None, None]
    places = torch.from_numpy(rows)[:, :, None], torch.from_numpy(columns)[:, None, :]
    first, row, column = (place.to(x.device) for place in (sample, *places))
    return padded[first, :, row, column].permute(0, 3, 1, 2)
