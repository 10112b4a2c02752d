from __future__ import annotations

from itertools import accumulate, permutations

import numpy as np
import pytest

from nets_deap.experiments.summary import STEPS
from nets_deap.util.statistics import holm, mean_interval, paired_difference


def test_holm_worked_by_hand() -> None:
    # Sorted 0.005, 0.01, 0.03, 0.04, times 4, 3, 2, 1; the last one must not fall below the one before it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.3]) == [0.3]
    assert holm([]) == []
    assert holm([0.5, 0.6]) == [1, 1]


def test_holm_corrects_no_less_than_it_must_and_no_more_than_bonferroni() -> None:
    for given in permutations((0.0, 0.001, 0.02, 0.02, 0.3)):
        corrected = holm(given)
        by_size = [corrected[i] for i in np.argsort(given, kind="stable")]
        assert by_size == list(accumulate(by_size, max))
        assert all(p <= ours <= min(1, len(given) * p) for p, ours in zip(given, corrected, strict=True))


def test_one_look_is_no_correction_and_more_looks_are_wider() -> None:
    values = [1.0, 2.0, 4.0, 7.0]
    widths = [mean_interval(values, looks=looks).half_width for looks in (1, 2, 3)]
    assert widths == sorted(widths)
    assert widths[0] == mean_interval(values).half_width < widths[1]
    # t(1 − 0.025/3, 3) = 4.8567, from a table; the standard error is √7/2.
    assert widths[2] == pytest.approx(4.8567 * 7**0.5 / 2, rel=1e-4)
    none = [0.0, 0.0, 0.0, 0.0]
    once, thrice = (paired_difference(values, none, looks=looks).p_value for looks in (1, 3))
    assert thrice == pytest.approx(3 * once)
    assert paired_difference([1, -1, 1, -1.5], none, looks=3).p_value == 1


def coverage(looks: int, half_width: float, trials: int) -> float:
    """How often the interval holds 0, the truth, at the look at which it is first narrow."""
    rng, held = np.random.default_rng(0), 0
    for _ in range(trials):
        values = rng.standard_normal(STEPS[-1])
        for seeds in STEPS:
            told = mean_interval(values[:seeds], looks=looks)
            if told.half_width <= half_width:
                break
        held += abs(told.mean) <= told.half_width
    return held / trials


@pytest.mark.slow
def test_the_interval_at_the_last_look_covers_what_it_says() -> None:
    """Uncorrected it does not: stopping at a narrow interval favours samples of too small a spread."""
    trials, error = 1500, 3 * (0.05 * 0.95 / 1500) ** 0.5
    assert coverage(1, 0.7, trials) < 0.95 - error / 2
    for half_width in (0.4, 0.7):
        assert coverage(len(STEPS), half_width, trials) >= 0.95 - error
