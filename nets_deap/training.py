"""Gradient descent under a mask: the one place that trains networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from nets_deap.backprop import sample_losses
from nets_deap.data import Part
from nets_deap.minibatch import augmented, minibatches
from nets_deap.models import Architecture
from nets_deap.problem import Recipe


class Trainable(Protocol):
    """What `train` needs of a network, or of many networks that train side by side."""

    @property
    def architecture(self) -> Architecture: ...

    @property
    def outputs(self) -> Tensor: ...

    def step(self, x: Tensor, targets: Tensor, chosen: np.ndarray | None = None) -> None: ...


class Network(Trainable, Protocol):
    """One network: in training, scored, or read out."""

    def forward(self, x: Tensor) -> Tensor: ...

    def weights(self) -> np.ndarray: ...

    def extras(self) -> np.ndarray: ...


EVALUATION_BATCH = 2048  # samples; 2.5 MB of hidden units, so that they stay in the cache


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute in one thread: every map gives the same bits, and workers do not compete for cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Numbers too small to be normal count as zero in this thread, the kernels' included.

    A network that has learnt its training samples has errors, and so moments of Adam, that fall without end;
    a processor takes a hundred times as long for them.
    """
    before = float(torch.tensor(1e-39) / 2) == 0  # torch cannot be asked
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


@dataclass(frozen=True)
class Score:
    """Loss and accuracy over a set of samples, and the mean loss of each class."""

    loss: float
    accuracy: float
    class_losses: tuple[float, ...]


def evaluate(network: Network, part: Part, classes: int) -> Score:
    """Score a network on samples it is not trained on. Sums in float64."""
    architecture = network.architecture
    losses, correct = [], 0
    for x, y in zip(part.x.split(EVALUATION_BATCH), part.y.split(EVALUATION_BATCH), strict=True):
        outputs = network.forward(x)
        losses.append(sample_losses(outputs, architecture.targets(y, outputs.dtype), architecture.loss))
        predicted = outputs[:, 0] > 0.5 if architecture.outputs == 1 else outputs.argmax(dim=1)
        correct += int((predicted == y).sum())
    per_sample = torch.cat(losses).double()
    totals = torch.bincount(part.y, weights=per_sample, minlength=classes)
    counts = torch.bincount(part.y, minlength=classes).clamp(min=1)
    return Score(float(per_sample.mean()), correct / len(part.y), tuple((totals / counts).tolist()))


def train(
    network: Trainable,
    part: Part,
    recipe: Recipe,
    rng: np.random.Generator,
    report: Callable[[int, float], None] | None = None,
    every: int = 0,
) -> None:
    """Train a network in place.

    rng: decides the minibatches, how they are augmented, and nothing else
    report: called after every `every` steps, and after the last, with the number of steps done and the mean
        loss of the minibatches since the last call (each before its step)
    """
    targets = network.architecture.targets(part.y, part.x.dtype)
    steps = recipe.steps(len(part.y))
    losses = torch.zeros((), dtype=torch.float64, device=part.x.device)
    since = 0
    aside = rng.spawn(1)[0] if recipe.augment else None  # so that the order of samples is the same without
    with flushed_denormals():
        for step, chosen in enumerate(minibatches(len(part.y), recipe, rng), start=1):
            if aside is None:
                network.step(part.x, targets, chosen)
            else:
                x, wanted = (part.x, targets) if chosen is None else (part.x[chosen], targets[chosen])
                network.step(augmented(x, aside), wanted)
            if report is None:
                continue
            wanted = targets if chosen is None else targets[torch.from_numpy(chosen)]
            losses += sample_losses(network.outputs, wanted, network.architecture.loss).mean()
            since += 1
            if step == steps or (every and step % every == 0):
                report(step, float(losses) / since)
                losses.zero_()
                since = 0


def assert_masked(architecture: Architecture, weights: Any, mask: Any) -> None:
    """A mask is a promise: raise AssertionError if a pruned weight is not zero (a diverged one is NaN).

    weights: a float array or tensor; mask: a bool one of the same shape
    """
    alive = (weights != 0) & ~mask & (abs(weights) < np.inf)
    if alive.any():
        raise AssertionError(f"{alive.sum()} pruned weights of {architecture.name} came back to life")
