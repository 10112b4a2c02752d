"""Mistakes of the user's: each is told in one line, and the command line exits with 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class NetsError(Exception):
    """Bad input; the message says what is wrong, what was expected and what to do."""


def unknown(kind: str, name: object, known: Iterable[str]) -> NetsError:
    """The error for a name that is in no registry, with the nearest one that is."""
    names = sorted(known)
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.4)
    hint = f"did you mean '{near[0]}'? " if near else ""
    return NetsError(f"unknown {kind} '{name}': {hint}known are {', '.join(names)}")
