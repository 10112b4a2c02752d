from __future__ import annotations

import json

import pytest

from nets_deap.util import json_text

VALUES = {"a": [1.5, float("inf"), (float("-inf"), None)], "b": {"c": float("nan"), "d": "nana", "e": 3}}


def test_for_readers_what_is_not_finite_is_null() -> None:
    told = json.loads(json_text.dumps(VALUES))
    assert told == {"a": [1.5, None, [None, None]], "b": {"c": None, "d": "nana", "e": 3}}


def test_what_is_kept_comes_back() -> None:
    text = json_text.kept(VALUES)
    json.loads(text, parse_constant=lambda name: 1 / 0)
    assert repr(json_text.restored(json_text.loads(text))) == repr(VALUES).replace("(", "[").replace(")", "]")


def test_what_earlier_versions_kept_comes_back() -> None:
    value = json_text.restored(json_text.loads('{"a": [NaN, Infinity, -Infinity]}'))
    assert repr(value) == "{'a': [nan, inf, -inf]}"


@pytest.mark.parametrize("depth", [101, 500, 100_000])
@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":', "}")])
def test_values_that_are_nested_too_deep_are_refused(opened: str, closed: str, depth: int) -> None:
    json_text.loads(opened * 99 + "[1]" + closed * 99)
    with pytest.raises(ValueError, match="deep"):
        json_text.loads(opened * depth + "[1]" + closed * depth)
