"""What the searches of a comparison may use, and what they have used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from nets_deap.experiments.comparison import compare
from nets_deap.parallel.serial import SerialMap
from nets_deap.search.registry import parse_all
from tests.experiments.small import config, texts

STRETCHED = "imp,weedout:pop=4,es:pop=8,batch=20,snip"


EQUAL: dict[str, Any] = {"methods": STRETCHED, "densities": "0.2", "seeds": 1, "equal_budget": 300}


def test_an_equal_budget_is_stored_in_the_methods_and_can_be_repeated_without_it() -> None:
    first = compare(config(**EQUAL), Path("equal"), SerialMap())
    stored = json.loads(Path("equal/config.json").read_text(encoding="utf-8"))
    assert parse_all(stored["methods"]) == first.config.methods != config(**EQUAL).methods
    again = compare(config(**EQUAL), Path("equal"), SerialMap())  # the same command goes on
    assert again.config == first.config
    alone = {**EQUAL, "methods": stored["methods"], "equal_budget": None}
    compare(config(**alone), Path("alone"), SerialMap())
    assert [Path(place, "trials.csv").read_text(encoding="utf-8") for place in ("equal", "alone")] == [
        texts(Path("equal"))[0]
    ] * 2


def test_what_a_search_has_used_of_what_it_might_is_in_the_summary() -> None:
    compare(config(**EQUAL), Path("equal"), SerialMap())
    told = pd.read_csv("equal/summary.csv").set_index("method")
    assert (told["budget_used"] <= told["budget_allowed"]).all()
    searched = told[~told.index.isin(["snip"])]
    assert (searched["budget_used"] / searched["budget_allowed"] >= 0.9).all()
    units = dict(zip(told.index.str.split(":").str[0], told["budget_unit"], strict=True))
    assert (units["imp"], units["es"]) == ("gradient_steps", "forward_passes")
    assert told.loc["snip", "budget_used"] == 1


def test_searches_that_use_unlike_parts_of_their_budget_are_told_of_once(cli: Any) -> None:
    small = "--data-limit 200 --epochs 1 --map serial --seeds 1 --density 0.2 --methods imp,weedout,snip"
    ran = cli("compare", *small.split(), "--budget-steps", 6000)
    assert ran.err.splitlines() == [
        "note: budgets are not equal: at 0.2 imp 0 % and weedout 100 % of what is allowed; --equal-budget "
        "stretches methods to a budget"
    ]
    assert "24 / 6,000" in ran.out
    equal = cli("compare", *small.split(), "--equal-budget", 300)
    assert (equal.code, equal.err) == (0, "")
    assert "imp becomes imp:budget=300\n" in equal.out
    assert "snip stays as it is (it trains nothing)" in equal.out
    assert "300 / 300" in equal.out
    one_shot = ["--methods", "random,snip", "--budget-steps", "6000"]
    assert cli("compare", *small.split(), *one_shot).err == ""
