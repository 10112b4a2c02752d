"""Loss and accuracy of networks on samples they are not trained on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nets_deap.data.loading import Part
from nets_deap.networks.losses import sample_losses
from nets_deap.networks.protocol import Network
from nets_deap.networks.stack import Stack
from nets_deap.util import memory
from nets_deap.util.threads import as_usual

EVALUATION_BATCH = 2048  # samples; 2.5 MB of activations, which stay in the cache


@dataclass(frozen=True)
class Score:
    """Loss and accuracy over a set of samples, and the mean loss of each class."""

    loss: float
    accuracy: float
    class_losses: tuple[float, ...]


@memory.told()
@as_usual()
def evaluate(network: Network, part: Part, classes: int) -> Score:
    """Score a network on samples it is not trained on. Sums are in float64."""
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


STACK_BATCH = 512  # samples at a time, for every network of a stack


@memory.told()
@as_usual()
def score_all(network: Stack, part: Part, classes: int) -> list[Score]:
    """The score of each network of a stack on samples it is not trained on; see `evaluate`."""
    architecture, count = network.architecture, network.networks
    losses: list[Tensor] = []
    correct = torch.zeros(count, dtype=torch.int64, device=part.y.device)
    for x, y in zip(part.x.split(STACK_BATCH), part.y.split(STACK_BATCH), strict=True):
        outputs = network.forward(x)
        targets = architecture.targets(y, outputs.dtype).repeat(count, 1)
        losses.append(sample_losses(outputs.flatten(0, 1), targets, architecture.loss).view(count, -1))
        predicted = outputs[..., 0] > 0.5 if architecture.outputs == 1 else outputs.argmax(dim=2)
        correct += (predicted == y).sum(dim=1)
    per_sample = torch.cat(losses, dim=1).double()
    # One class at a time: on a GPU, bincount adds in a different order each time.
    of_class = [per_sample[:, part.y == label] for label in range(classes)]
    class_losses = torch.stack([those.sum(dim=1) / max(1, those.shape[1]) for those in of_class], dim=1)
    return [
        Score(loss, right / len(part.y), tuple(by_class))
        for loss, right, by_class in zip(
            per_sample.mean(dim=1).tolist(), correct.tolist(), class_losses.tolist(), strict=True
        )
    ]
