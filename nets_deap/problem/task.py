"""What is asked of a network: which loss and metric, how many outputs, and whether it delivers them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nets_deap.data.dataset import Data
from nets_deap.models import catalogue, losses, metrics
from nets_deap.models.architecture import Architecture
from nets_deap.models.criterion import Criterion, check_fits
from nets_deap.models.losses import OF_NUMBERS, Loss
from nets_deap.models.metrics import Metric
from nets_deap.util.errors import NetsError, warn_once

if TYPE_CHECKING:
    from torch import Tensor

    from nets_deap.models.template import Template

MOST_PLACES = 256  # of a sample of whole numbers, that are checked one by one


def criterion(arch: str, data: Data, loss: str | Loss | None, metric: str | Metric | None) -> Criterion:
    """The loss and the metric; None stands for what suits the network and the targets.

    A warning (NetsWarning) tells of targets that are one-hot, where no loss says what they are.
    Raises NetsError for a loss of classes where the targets are numbers, and for other unfitting ones.
    """
    of_numbers = isinstance(loss, str | Loss) and str(loss).partition(":")[0] in OF_NUMBERS
    if of_numbers and data.classes and not catalogue.suits_mse(arch):
        raise NetsError(f"the `loss` {loss} is for numbers, and the targets are classes: give them as floats")
    if loss is None:
        if _one_hot(data.train.y):
            _tell_one_hot(data)
        loss = "mse" if catalogue.suits_mse(arch) or not data.classes else "cross-entropy"
    if isinstance(loss, str):
        loss = losses.parsed(loss, _counts(data))
    if loss.kind == "cross-entropy" and not data.classes:
        raise NetsError(
            "cross-entropy wants classes, and the targets are numbers: take the `loss` mse, mae, huber or "
            "binary, or give the classes as whole numbers"
        )
    if loss.kind == "binary" and data.classes > 2 and data.train.y.ndim == 1:
        raise NetsError(f"binary is for two classes, and there are {data.classes}: take cross-entropy")
    if metric is None:
        metric = Metric("accuracy" if data.classes or loss.kind == "binary" else "r2")
    if isinstance(metric, str):
        metric = metrics.parsed(metric)
    if metric.name in metrics.METRICS and metric.name != "r2" and not (data.classes or loss.kind == "binary"):
        raise NetsError(f"`metric` {metric} wants classes, and the targets are numbers: take r2, or your own")
    return Criterion(loss, metric)


def _tell_one_hot(data: Data) -> None:
    what, taken = "floats", "numbers: this trains a regression, by mse"
    if data.classes:
        what, taken = "whole numbers", "classes of so many places"
    warn_once(
        f"the targets, {what} [n, {data.train.y.shape[1]}], are one-hot and taken as {taken}; y.argmax(1) "
        "gives one class for each sample, and a `loss` says that this is meant"
    )


def _one_hot(y: Tensor) -> bool:
    """Has each row one 1, and zeros?"""
    if y.ndim != 2 or y.shape[1] < 2:
        return False
    return bool(((y == 0) | (y == 1)).all() and (y.sum(dim=1) == 1).all())


def _counts(data: Data) -> tuple[int, ...]:
    """Training samples of each class, or places of each if samples have many."""
    if not data.classes:
        return ()
    labels = data.train.y.numpy().ravel()
    return tuple(np.bincount(labels[labels >= 0], minlength=data.classes).tolist())


def outputs(data: Data, judged: Criterion) -> int:
    """How many numbers the network must put out."""
    if data.classes and judged.loss.kind != "binary":
        return data.classes
    return int(np.prod(data.train.y.shape[1:], dtype=int))


def check(made: Architecture, data: Data) -> None:
    """Raise NetsError unless the network takes the samples, and its outputs fit the targets."""
    import torch

    template, part = made.known(), data.train
    chosen = [0, min(1, len(part.y) - 1)]
    x, y = part.x[chosen], part.y[chosen]
    found = template.run(template.instance().eval(), x)
    if made.criterion.loss.kind == "cross-entropy" and y.ndim == 1 and made.outputs < data.classes:
        raise NetsError(
            f"{made.name} puts out {getattr(found, 'shape', [0])[-1]} numbers, and there are "
            f"{data.classes} classes: change its last layer"
        )
    targets = made.targets(y, torch.float32)
    check_fits(made.criterion, found, targets, made.name)
    check_fits(
        made.criterion, template.run(template.instance().train(), x), targets, f"{made.name}, in training,"
    )
    _check_metric(made.criterion, found, y)
    if not x.is_floating_point():
        for name, each in (("training", part), ("validation", data.validation), ("test", data.test)):
            _check_ids(template, each.x, name)


def _check_ids(template: Template, x: Tensor, part: str) -> None:
    """Raise NetsError unless the network takes the least and the greatest number at each place of samples of
    whole numbers: an embedding knows only so many."""
    flat = x.flatten(1)
    if not flat.numel():
        return
    places = slice(MOST_PLACES)
    ends = [int(flat.amin(dim=1).argmin()), int(flat.amax(dim=1).argmax())]
    ends += [*flat[:, places].argmin(dim=0).tolist(), *flat[:, places].argmax(dim=0).tolist()]
    try:
        template.run(template.instance().eval(), x[sorted(set(ends))])
    except NetsError as error:
        raise NetsError(
            f"{error}: the {part} samples hold numbers from {int(flat.min())} to {int(flat.max())}, and it "
            "must take them all"
        ) from error


def _check_metric(judged: Criterion, found: object, y: object) -> None:
    metric = judged.metric
    try:
        if metric.by_sample:
            judged.right(found, y)  # type: ignore[arg-type]
        else:
            metric.of_outputs(found, y)  # type: ignore[arg-type]
    except RuntimeError as error:
        raise NetsError(
            f"`metric` {metric} does not fit the outputs: name another, or give your own"
        ) from error
