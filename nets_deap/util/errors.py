"""User errors: each has a message of one line, and the command line exits with status 2."""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Iterable
from pathlib import Path

LONGEST = 280  # characters of a message


class NetsError(Exception):
    """Bad input; the message says what is wrong, what was expected and what to do.

    It is one line of at most LONGEST characters: what others have said, such as a user's own function, may
    be longer, and then its middle is left out.
    """

    def __init__(self, message: str) -> None:
        line = " ".join(message.split())
        super().__init__(line if len(line) <= LONGEST else f"{line[:180]} … {line[-90:]}")


def raised(error: BaseException) -> str:
    """An exception that code of the user's has raised, and where: its type, text, file and line."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    text = f": {error}" if str(error) else ""
    return f"{type(error).__name__}{text}{place}"


def unknown(kind: str, name: object, known: Iterable[str]) -> NetsError:
    """The error for a name that is not among the `known` ones; it suggests the most similar one."""
    names = sorted(known)
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.4)
    hint = f"did you mean '{near[0]}'? " if near else ""
    return NetsError(f"unknown {kind} '{name}': {hint}known are {', '.join(names)}")
