from __future__ import annotations

import json

from nets_deap.util import json_text

VALUES = {"a": [1.5, float("inf"), (float("-inf"), None)], "b": {"c": float("nan"), "d": "nana", "e": 3}}


def test_for_readers_what_is_not_finite_is_null() -> None:
    told = json.loads(json_text.dumps(VALUES))
    assert told == {"a": [1.5, None, [None, None]], "b": {"c": None, "d": "nana", "e": 3}}


def test_what_is_kept_comes_back() -> None:
    text = json_text.kept(VALUES)
    json.loads(text, parse_constant=lambda name: 1 / 0)
    assert repr(json_text.loads(text)) == repr(VALUES).replace("(", "[").replace(")", "]")


def test_what_earlier_versions_kept_comes_back() -> None:
    assert repr(json_text.loads('{"a": [NaN, Infinity, -Infinity]}')) == "{'a': [nan, inf, -inf]}"
