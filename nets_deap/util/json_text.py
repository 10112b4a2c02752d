"""JSON as its standard has it, which knows no NaN and no infinity: any other reader would refuse them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from typing import Any

DEEPEST = 100  # lists and objects within each other in what is read; ours have four
TOO_DEEP = f"it is nested more than {DEEPEST} deep"
NAMES = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def dumps(value: Any, **arguments: Any) -> str:
    """For whoever reads it: a number that is not finite is null. arguments: those of `json.dumps`."""
    return json.dumps(without_wild(value), allow_nan=False, **arguments)


def kept(value: Any, **arguments: Any) -> str:
    """For ourselves: `loads` returns the same numbers. One that is not finite is a text: nan, inf or -inf."""
    return json.dumps(_replaced(value, lambda number: repr(float(number))), allow_nan=False, **arguments)


def loads(text: str) -> Any:
    """The value in JSON text. Raises ValueError for other text, and for values nested deeper than DEEPEST."""
    try:
        return checked_depth(json.loads(text))
    except RecursionError:
        raise ValueError(TOO_DEEP) from None


def checked_depth(value: Any) -> Any:
    """`value`, which others may go through recursively. Raises ValueError if it is nested too deep."""
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [inner for one in level if isinstance(one, dict | list) for inner in _members(one)]
        if not level:
            return value
    raise ValueError(TOO_DEEP)


def _members(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def without_wild(value: Any) -> Any:
    """`value` with None for each number in it that is not finite."""
    return _replaced(value, lambda number: None)


def _replaced(value: Any, by: Callable[[float], Any]) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(one, by) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_replaced(one, by) for one in value]
    return by(value) if isinstance(value, float) and not math.isfinite(value) else value


def restored(value: Any) -> Any:
    """The value that `kept` was given, out of the JSON that it wrote."""
    if isinstance(value, dict):
        return {key: restored(one) for key, one in value.items()}
    if isinstance(value, list):
        return [restored(one) for one in value]
    return NAMES.get(value, value) if isinstance(value, str) else value
