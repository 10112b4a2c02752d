"""User errors: each has a message of one line, and the command line exits with status 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class NetsError(Exception):
    """Bad input; the message says what is wrong, what was expected and what to do."""


def shortened(told: object, most: int = 80) -> str:
    """The beginning of a text, for a message; what was given may have any length."""
    text = str(told)
    return text if len(text) <= most else f"{text[: most - 1]}…"


class NetsWarning(UserWarning):
    """What a user should know, in one line; nothing is refused."""


def unknown(kind: str, name: object, known: Iterable[str]) -> NetsError:
    """The error for a name that is not among the `known` ones; it suggests the most similar one."""
    names, name = sorted(known), shortened(name)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
    hint = f"did you mean '{near[0]}'? " if near else ""
    return NetsError(f"unknown {kind} '{name}': {hint}known are {', '.join(names)}")
