"""Gradient descent under a mask: the one place that trains networks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch

from nets_deap.data.dataset import Part
from nets_deap.models.architecture import Architecture
from nets_deap.networks.protocol import Trainable
from nets_deap.problem.recipe import Recipe
from nets_deap.training.minibatches import augmented, minibatches
from nets_deap.util import memory
from nets_deap.util.random_streams import training_streams
from nets_deap.util.threads import as_usual, flushed_denormals


@memory.told()
@as_usual()
def train(
    network: Trainable,
    part: Part,
    recipe: Recipe,
    rng: np.random.Generator,
    report: Callable[[int, float], None] | None = None,
    every: int = 0,
) -> None:
    """Train a network in place.

    rng: draws the minibatches and their augmentation, and nothing else
    report: called every `every` steps and after the last step, with the number of steps done and the mean
        loss of the minibatches since the last call (each measured before its step)
    Raises NetsError if memory runs out.
    """
    criterion, dtype = network.architecture.criterion, network.flat.dtype
    targets = criterion.loss.targets(part.y, network.architecture.outputs, dtype)
    if share := recipe.label_smoothing:
        targets = criterion.smoothed(targets, share)
    steps = recipe.steps(len(part.y))
    losses = torch.zeros((), dtype=torch.float64, device=part.x.device)
    since = 0
    aside = rng.spawn(1)[0] if recipe.augment else None  # augmentation leaves the order of samples as it is
    template = network.architecture.template
    own = training_streams(rng.spawn(1)[0]) if template is not None and template.draws else nullcontext()
    with flushed_denormals(), own:
        for step, chosen in enumerate(minibatches(len(part.y), recipe, rng), start=1):
            if not recipe.constant:
                network.descent.lr = recipe.rate(step - 1, len(part.y))
            if aside is None:
                network.step(part.x, targets, chosen)
            else:
                x, wanted = (part.x, targets) if chosen is None else (part.x[chosen], targets[chosen])
                network.step(
                    recipe.augment(x, aside) if callable(recipe.augment) else augmented(x, aside), wanted
                )
            if report is None:
                continue
            wanted = targets if chosen is None else targets[torch.from_numpy(chosen)]
            losses += criterion.loss(network.outputs, wanted).mean()
            since += 1
            if step == steps or (every and step % every == 0):
                report(step, float(losses) / since)
                losses.zero_()
                since = 0


def assert_masked(architecture: Architecture, weights: Any, mask: Any) -> None:
    """Raise AssertionError if a pruned weight is not zero; NaN and infinity pass, as signs of divergence.

    weights: a float array or tensor; mask: a bool one of the same shape
    """
    alive = (weights != 0) & ~mask & (abs(weights) < np.inf)
    if alive.any():
        raise AssertionError(f"{alive.sum()} pruned weights of {architecture.name} came back to life")
