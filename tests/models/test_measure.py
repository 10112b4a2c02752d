from __future__ import annotations

import math

from nets_deap.models.measure import Measure
from nets_deap.models.metrics import Metric


def test_a_share_is_in_per_cent_and_another_metric_as_it_is() -> None:
    accuracy, r2 = Measure(), Measure("r2")
    assert (accuracy.shown(0.912), r2.shown(-4.27)) == ("91.20 %", "-4.27")
    assert (accuracy.head, Measure("balanced-accuracy").head, r2.head) == (
        "acc, %", "balanced-accuracy, %", "r2",
    )  # fmt: skip
    assert Measure("mine:error:least").short == "mine:error"
    names = ("accuracy", "r2", "balanced-accuracy", "m:f:least")
    errors = ["test error, %", "1 − test r2", "100 − test balanced-accuracy, %", "test m:f (less is better)"]
    assert [Measure(name).error for name in names] == errors
    assert (accuracy.between(91.2, 0.5), r2.between(91.2, 0.5)) == ("91.20 ± 0.50", "0.912 ± 0.005")
    assert (accuracy.between(1.5, math.nan, "+"), r2.between(-150, math.nan, "+")) == ("+1.50", "-1.5")


def test_more_is_better_unless_a_metric_says_least() -> None:
    more, less = Measure("m:f"), Measure("m:f:least")
    assert (more.best([1, 3, 2], float), less.best([3, 1, 2], float)) == (3, 1)
    assert (less.best([math.nan, 2, 1], float), more.best([math.nan], float), less.best([], float)) == (
        1,
        None,
        None,
    )
    assert (more.better(0.5), less.better(0.5)) == (0.5, -0.5)
    assert (Metric("r2").error(0.75), Metric("m:f", greatest=False).error(0.75)) == (0.25, 0.75)
