"""Loss and accuracy of networks on samples they are not trained on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nets_deap.data.dataset import Part
from nets_deap.models.criterion import Criterion
from nets_deap.networks.protocol import Network
from nets_deap.networks.stack import Stack
from nets_deap.util import memory
from nets_deap.util.threads import as_usual

EVALUATION_BATCH = 2048  # samples; 2.5 MB of activations, which stay in the cache


@dataclass(frozen=True)
class Score:
    """Loss and metric over a set of samples, and the mean loss of each case.

    accuracy: the metric of the network's criterion, which may be another
    class_losses: of each class, or other case
    """

    loss: float
    accuracy: float
    class_losses: tuple[float, ...]


@memory.told()
@as_usual()
def evaluate(network: Network, part: Part, cases: int) -> Score:
    """Score a network on samples it is not trained on. Sums are in float64. cases: how many there are"""
    architecture, criterion = network.architecture, network.architecture.criterion
    losses, told = [], []
    for x, y in zip(part.x.split(EVALUATION_BATCH), part.y.split(EVALUATION_BATCH), strict=True):
        outputs = network.forward(x)
        losses.append(criterion.loss(outputs, architecture.targets(y, outputs.dtype)))
        told.append(criterion.right(outputs, y) if criterion.metric.by_sample else outputs)
    per_sample = torch.cat(losses).double()
    totals = torch.bincount(part.of_case, weights=per_sample, minlength=cases)
    counts = torch.bincount(part.of_case, minlength=cases).clamp(min=1)
    metric = _metric(criterion, torch.cat(told), part)
    return Score(float(per_sample.mean()), metric, tuple((totals / counts).tolist()))


def _metric(criterion: Criterion, told: Tensor, part: Part) -> float:
    """The metric, from what is right of each sample, or from the outputs."""
    if criterion.metric.by_sample:
        return criterion.metric.of_right(told, part.of_case)
    return criterion.metric.of_outputs(told, part.y)


STACK_BATCH = 512  # samples at a time, for every network of a stack


@memory.told()
@as_usual()
def score_all(network: Stack, part: Part, cases: int) -> list[Score]:
    """The score of each network of a stack on samples it is not trained on; see `evaluate`."""
    architecture, count = network.architecture, network.networks
    criterion: Criterion = architecture.criterion
    losses: list[Tensor] = []
    told: list[Tensor] = []
    for x, y in zip(part.x.split(STACK_BATCH), part.y.split(STACK_BATCH), strict=True):
        outputs = network.forward(x)
        targets = architecture.targets(y, outputs.dtype)
        targets = targets.repeat(count, *[1] * (targets.ndim - 1))
        losses.append(criterion.loss(outputs.flatten(0, 1), targets).view(count, -1))
        if criterion.metric.by_sample:
            repeated = y.repeat(count, *[1] * (y.ndim - 1))
            told.append(criterion.right(outputs.flatten(0, 1), repeated).view(count, -1))
        else:
            told.append(outputs)
    per_sample, measured = torch.cat(losses, dim=1).double(), torch.cat(told, dim=1)
    metrics = [_metric(criterion, each, part) for each in measured]
    # One case at a time: on a GPU, bincount adds in a different order each time.
    of_case = [per_sample[:, part.of_case == case] for case in range(cases)]
    case_losses = torch.stack([those.sum(dim=1) / max(1, those.shape[1]) for those in of_case], dim=1)
    return [
        Score(loss, metric, tuple(by_case))
        for loss, metric, by_case in zip(
            per_sample.mean(dim=1).tolist(), metrics, case_losses.tolist(), strict=True
        )
    ]
