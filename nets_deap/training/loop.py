"""Gradient descent under a mask: the one place that trains networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from nets_deap.data.dataset import Part
from nets_deap.models.architecture import Architecture
from nets_deap.networks.protocol import Trainable
from nets_deap.problem.recipe import Recipe
from nets_deap.training.draws import Draws
from nets_deap.training.minibatches import augmented
from nets_deap.util import inside, memory
from nets_deap.util.threads import as_usual, flushed_denormals


@memory.told()
@as_usual()
def train(
    network: Trainable,
    part: Part,
    recipe: Recipe,
    draws: np.random.Generator | Draws,
    report: Callable[[int, float], None] | None = None,
    every: int = 0,
) -> None:
    """Train a network in place.

    draws: a generator for the minibatches and their augmentation, and nothing else; or the draws of a
        training that goes on
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
    if not isinstance(draws, Draws):
        draws = Draws(draws, recipe, network.architecture.template)
    aside = draws.aside
    with flushed_denormals(), draws.of_the_module():
        minibatches = draws.minibatches(len(part.y))
        for step, chosen in inside.counted("iteration", minibatches, steps, draws.begun):
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
