"""Code that settings name: it is imported only if the user has named it, or trusts who has."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from nets_deap.data import sources
from nets_deap.models import catalogue, losses, metrics, prunable
from nets_deap.util.errors import NetsError, shortened

# Fields whose value may name code, and when it does; methods may have options that do
CODE: dict[str, Callable[[str], bool]] = {
    "fitness": bool,
    "arch": catalogue.is_own,
    "dataset": sources.is_own,
    "loss": losses.is_own,
    "metric": metrics.is_own,
    "prunable": prunable.is_own,
}
METHODS = ("method", "methods", "reference", "arms")


def refuse_code(stored: Mapping[str, Any], given: Mapping[str, Any], where: object) -> None:
    """Raise NetsError if stored settings name code of a user's own that the given ones do not name.

    where: what the stored settings are from, for the message
    """
    for key, text in code_in(stored, given).items():
        raise NetsError(
            f"{where} names code to run, `{key}` {shortened(text, 80)}: if it is yours, say so by `trust`, "
            "or give the option itself"
        )


def code_in(stored: Mapping[str, Any], given: Mapping[str, Any] = MappingProxyType({})) -> dict[str, str]:
    """The fields of settings that name code, and do not stand in `given`: field -> what it names."""
    found = {
        key: text
        for key, names_code in CODE.items()
        if given.get(key) is None and names_code(text := str(stored.get(key) or ""))
    }
    for key in METHODS:
        if given.get(key) is None and (text := _in_methods(stored.get(key))):
            found.setdefault("fitness", text)
    return found


def _in_methods(value: Any) -> str:
    """The first fitness that the options of these methods name; "" if there is none."""
    if isinstance(value, Mapping):  # arms, or one of them: a method as text, or a table with its options
        inner = (_in_methods(f"fitness={each}" if key == "fitness" else each) for key, each in value.items())
        return next(filter(None, inner), "")
    texts = value if isinstance(value, list | tuple) else [value]
    found = re.search(r"fitness\s*=\s*([^,+;\s]*)", " ".join(map(str, texts)))
    return (found[1] or found[0]) if found else ""
