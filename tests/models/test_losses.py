"""Losses and metrics, with the answers written out or torch's own beside them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, r2_score
from torch import Tensor
from torch.nn import functional

from nets_deap.models.criterion import Criterion, check_fits
from nets_deap.models.losses import LOSSES, Loss, parsed
from nets_deap.models.metrics import METRICS, Metric
from nets_deap.models.metrics import parsed as parsed_metric
from nets_deap.util.errors import NetsError

generator = torch.Generator().manual_seed(0)
OUTPUTS = torch.randn(6, 3, generator=generator, dtype=torch.float64)
Y = torch.tensor([0, 1, 2, 2, 1, 1])
NUMBERS = torch.randn(6, 3, generator=generator, dtype=torch.float64)

EXPECTED: dict[str, tuple[Tensor, Callable[[], Tensor]]] = {
    "cross-entropy": (Y, lambda: functional.cross_entropy(OUTPUTS, Y)),
    "binary": (
        (NUMBERS > 0).double(),
        lambda: functional.binary_cross_entropy_with_logits(OUTPUTS, (NUMBERS > 0).double()),
    ),
    "mse": (NUMBERS, lambda: functional.mse_loss(OUTPUTS, NUMBERS)),
    "mae": (NUMBERS, lambda: functional.l1_loss(OUTPUTS, NUMBERS)),
    "huber": (NUMBERS, lambda: functional.huber_loss(OUTPUTS, NUMBERS)),
}


@pytest.mark.parametrize("name", LOSSES)
def test_the_mean_over_samples_is_torchs_loss(name: str) -> None:
    y, expected = EXPECTED[name]
    loss = parsed(name, (1, 3, 2))
    losses = loss(OUTPUTS, loss.targets(y, 3, torch.float64))
    assert losses.shape == (6,)
    torch.testing.assert_close(losses.mean(), expected())


def test_answers_written_out() -> None:
    outputs, targets = torch.tensor([[3.0], [-1.0]]), torch.tensor([1.0, 0.0])
    for name, answers in (("mse", [4, 1]), ("mae", [2, 1]), ("huber:delta=1", [1.5, 0.5])):
        loss = parsed(name)
        assert loss(outputs, loss.targets(targets, 1, torch.float32)).tolist() == answers
    zero = torch.zeros(1, 2)
    assert float(Loss()(zero, torch.tensor([[0.0, 1.0]]))) == pytest.approx(math.log(2))
    weighed = parsed("cross-entropy:weights=1/3", (5, 5))
    assert float(weighed(zero, torch.tensor([[0.0, 1.0]]))) == pytest.approx(3 * math.log(2))


def test_balanced_weights_give_each_class_the_same_say() -> None:
    assert parsed("cross-entropy:weights=balanced", (10, 30)).weights == (2.0, pytest.approx(2 / 3))


def test_classes_of_places_are_a_mean_over_the_places_that_have_one() -> None:
    outputs = torch.randn(2, 3, 4, generator=generator)
    y = torch.tensor([[0, 1, 2, -100], [-100, -100, 1, 1]])
    loss = Loss()
    by_hand = [functional.cross_entropy(outputs[i].T[y[i] >= 0], y[i][y[i] >= 0]) for i in range(2)]
    torch.testing.assert_close(loss(outputs, loss.targets(y, 3, torch.float32)), torch.stack(by_hand))
    assert Metric().right(outputs, y, 0.0).shape == (2,)


def test_metrics_are_those_of_scikit_learn() -> None:
    right = Metric("balanced-accuracy").right(OUTPUTS, Y, 0.0)
    found = OUTPUTS.argmax(dim=1)
    assert Metric("accuracy").of_right(right, Y) == pytest.approx(float((found == Y).double().mean()))
    balanced = Metric("balanced-accuracy").of_right(right, Y)
    assert balanced == pytest.approx(balanced_accuracy_score(Y, found))
    assert Metric("r2").of_outputs(OUTPUTS, NUMBERS) == pytest.approx(r2_score(NUMBERS, OUTPUTS))
    assert set(METRICS) == {"accuracy", "balanced-accuracy", "r2"}


def test_a_single_output_is_class_1_above_the_middle() -> None:
    y = torch.tensor([0, 1, 1])
    logits = torch.tensor([[-0.1], [0.1], [0.6]])
    assert Criterion(Loss("binary")).right(logits, y).tolist() == [1, 1, 1]
    assert Criterion(Loss("mse")).right(logits, y).tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("crossentropy", "did you mean 'cross-entropy'"),
        ("mse:delta=1", "unknown argument of the loss mse 'delta'"),
        ("huber:delta=0", "expected more than 0"),
        ("huber:delta=x", "delta=x is not a number"),
        ("cross-entropy:weights=1/2", "2 weights for 3 classes"),
        ("no_such_module:loss", "cannot import 'no_such_module'"),
    ],
)
def test_a_loss_that_is_none_is_one_line(text: str, says: str) -> None:
    with pytest.raises(NetsError, match=says):
        parsed(text, (1, 1, 1))


def test_a_metric_of_ones_own_may_say_that_less_is_better() -> None:
    assert parsed_metric("math:fsum").greatest
    assert not parsed_metric("math:fsum:least").greatest
    with pytest.raises(NetsError, match="unknown metric 'accurac'"):
        parsed_metric("accurac")
    with pytest.raises(NetsError, match="gave no number: ValueError"):
        Metric("own", lambda outputs, y: float("x")).of_outputs(OUTPUTS, Y)


BAD_OUTPUTS: dict[str, tuple[Criterion, object, Tensor, str]] = {
    "too few": (Criterion(), torch.zeros(2, 3), torch.zeros(2, 4), "puts out \\[2, 3\\] for 2 samples"),
    "a tuple": (
        Criterion(),
        (torch.zeros(2, 3), 1),
        torch.zeros(2, 3),
        "puts out tuple, expected one tensor",
    ),
    "places last": (
        Criterion(),
        torch.zeros(2, 5, 3),
        torch.full((2, 5), 2),
        "wants \\[2, classes, 5\\]: change its last layer",
    ),
    "numbers": (Criterion(Loss("mse")), torch.zeros(2, 3), torch.zeros(2, 1), "but mse wants \\[2, 1\\]"),
    "not per sample": (
        Criterion(Loss("own", function=lambda o, t: (o - t).mean())),
        torch.zeros(2, 1),
        torch.zeros(2, 1),
        "the loss own returned \\[\\] for 2 samples: return one number per sample, \\[2\\]",
    ),
    "a loss that raises": (
        Criterion(Loss("own", function=lambda o, t: o @ t)),
        torch.zeros(2, 3),
        torch.zeros(2, 3),
        "the loss own raised RuntimeError",
    ),
}


@pytest.mark.parametrize("name", BAD_OUTPUTS)
def test_outputs_that_do_not_fit_are_one_line(name: str) -> None:
    criterion, outputs, targets, says = BAD_OUTPUTS[name]
    with pytest.raises(NetsError, match=says):
        check_fits(criterion, outputs, targets, "net")


def test_smoothing_is_torchs() -> None:
    criterion = Criterion()
    targets = criterion.smoothed(criterion.loss.targets(Y, 3, torch.float64), 0.1)
    expected = functional.cross_entropy(OUTPUTS, Y, label_smoothing=0.1)
    assert float(criterion.loss(OUTPUTS, targets).mean()) == pytest.approx(float(expected))
    with pytest.raises(NetsError, match="goes with a cross-entropy of one class a sample"):
        Criterion(Loss("mse")).smoothed(targets, 0.1)
    assert np.isclose(float(targets.sum()), len(Y))
