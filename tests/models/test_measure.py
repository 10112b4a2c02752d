from __future__ import annotations

import math

from nets_deap.models.measure import Measure


def test_a_share_is_in_per_cent_and_another_metric_as_it_is() -> None:
    accuracy, r2 = Measure(), Measure("r2")
    assert (accuracy.shown(0.912), r2.shown(-4.27)) == ("91.20 %", "-4.27")
    assert (accuracy.head, Measure("balanced-accuracy").head, r2.head) == (
        "acc, %", "balanced-accuracy, %", "r2",
    )  # fmt: skip
    assert Measure("mine:error:least").short == "mine:error"
    assert (accuracy.between(91.2, 0.5), r2.between(91.2, 0.5)) == ("91.20 ± 0.50", "0.912 ± 0.005")
    assert (accuracy.between(1.5, math.nan, "+"), r2.between(-150, math.nan, "+")) == ("+1.50", "-1.5")
