"""Code that settings name: it is imported only if the user has named it, or trusts who has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from nets_deap.util.errors import NetsError, shortened

# Fields whose value names code, or methods with options that do
CODE, METHODS = "fitness", ("method", "methods", "reference")


def refuse_code(stored: Mapping[str, Any], given: Mapping[str, Any], where: object) -> None:
    """Raise NetsError if stored settings name code of a user's own that the given ones do not name.

    where: what the stored settings are from, for the message
    """
    found = "" if given.get(CODE) is not None else str(stored.get(CODE) or "")
    for key in METHODS:
        if not found and given.get(key) is None:
            found = _in_methods(stored.get(key))
    if found:
        raise NetsError(
            f"{where} names code to run, `{CODE}` {shortened(found, 80)}: if it is yours, say so by `trust`, "
            "or give the option itself"
        )


def _in_methods(value: Any) -> str:
    """The first code that the options of these methods name; "" if there is none."""
    texts = value if isinstance(value, list | tuple) else [value]
    found = re.search(rf"{CODE}\s*=\s*([^,+;\s]*)", " ".join(map(str, texts)))
    return (found[1] or found[0]) if found else ""
