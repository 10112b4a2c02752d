"""Paired differences of a comparison, their intervals and p-values."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from nets_deap.experiments import comparison, summary
from nets_deap.experiments.comparison import compare
from nets_deap.parallel.serial import SerialMap
from nets_deap.util.statistics import holm, paired_difference
from tests.experiments.small import config


def test_accuracies_at_other_densities_are_not_compared() -> None:
    chosen = config(methods="random,dense,nets-paper:gens=0,epochs=1", densities="0.2")
    random, dense, nets, beside = compare(chosen, Path("nets"), SerialMap()).summaries()
    assert random.difference() is None  # the reference itself
    assert dense.difference() is not None
    assert nets.row()["density"] > 0.5
    assert nets.difference() is None
    assert (beside.paired_with, beside.difference() is None) == (nets.method, False)
    assert "p_value" not in nets.row()


def test_differences_are_paired(done: Path) -> None:
    rows, summary = pd.read_csv(done / "trials.csv"), pd.read_csv(done / "summary.csv")
    told = summary[(summary["method"] == "random") & (summary["asked"] == 0.05)].iloc[0]
    at = rows[rows["asked"] == 0.05].pivot_table(index="seed", columns="method", values="test_acc")
    wanted = paired_difference(100 * at["random"], 100 * at["imp:cycles=2,epochs=1"])
    assert told["difference"] == pytest.approx(wanted.mean)
    assert told["difference_half_width"] == pytest.approx(wanted.half_width)
    assert told["p_value"] == pytest.approx(wanted.p_value)
    assert summary["difference"].isna().sum() == 2  # the reference's own rows


def test_a_paired_difference_worked_by_hand() -> None:
    # Differences 1, 2, 3: mean 2, standard error 1/√3, t(0.975, 2) = 4.3027; t = 2√3 gives p = 0.0742.
    mean, half_width, p = paired_difference([2, 4, 6], [1, 2, 3])
    assert (mean, half_width, p) == pytest.approx((2, 4.30265 / 3**0.5, 0.0741799), rel=1e-4)
    assert paired_difference([1, 1], [1, 1]) == (0, 0, 1)
    assert paired_difference([2, 2], [1, 1]) == (1, 0, 0)


def test_more_seeds_until_the_interval_is_narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "STEPS", (2, 3, 4))
    small = {"methods": "random,random-erk", "densities": "0.2", "epochs": 1}
    wide = compare(config(**small, until_half_width=1e9), Path("wide"), SerialMap())
    assert len(wide.rows) == 2 * 2
    narrow = compare(config(**small, until_half_width=1e-9), Path("narrow"), SerialMap())
    assert len(narrow.rows) == 2 * 4


@pytest.mark.parametrize(("method", "enough"), [("nets-paper+random", True), ("nets-paper", False)])
def test_the_random_tickets_beside_nets_need_not_be_known_as_well(method: str, enough: bool) -> None:
    rows = [
        {"method": name, "asked": 0.2, "density": 0.2, "seed": seed, "test_acc": seed * (name == method)}
        for name in ("imp", "nets-paper", "nets-paper+random")
        for seed in (0, 1)
    ]
    told = summary.Comparison(config(methods="imp,nets-paper", densities="0.2"), rows)
    assert comparison._narrow(told, 0.1) == enough


def test_tests_of_one_comparison_are_one_family() -> None:
    chosen = config(methods="random,snip,dense", seeds=3)
    told = compare(chosen, Path("family"), SerialMap()).summaries()
    given = {(each.method, each.density): paired.p_value for each in told if (paired := each.difference())}
    assert len(given) == 4
    corrected = dict(zip(given, holm(list(given.values())), strict=True))
    assert {(each.method, each.density): each.p_holm for each in told if each.difference()} == corrected
    assert [each.p_holm for each in told if not each.difference()] == [None, None]


def test_looks_at_the_results_are_paid_for() -> None:
    rows = [
        {"method": name, "asked": 0.2, "density": 0.2, "seed": seed, "test_acc": acc}
        for name, values in (("imp", (0.5, 0.5, 0.5)), ("random", (0.1, 0.2, 0.3)))
        for seed, acc in enumerate(values)
    ]
    small = {"methods": "imp,random", "densities": "0.2"}
    once, looked = (
        summary.Comparison(config(**small, until_half_width=width), rows).summaries()[1].difference()
        for width in (None, 1.0)
    )
    assert once
    assert looked
    assert looked.half_width > once.half_width
    assert looked.p_value == pytest.approx(3 * once.p_value)
