"""User errors: each has a message of one line, and the command line exits with status 2."""

from __future__ import annotations

import difflib
import traceback
import warnings
from collections.abc import Iterable
from functools import cache
from pathlib import Path

LONGEST = 280  # characters of a message


class NetsError(Exception):
    """Bad input; the message, of one line, says what is wrong, what was expected and what to do."""

    def __init__(self, message: object = "") -> None:
        super().__init__(shortened(" ".join(str(message).split()), LONGEST))


class SamplesError(NetsError):
    """A network cannot take the samples of the data."""


class DamagedError(NetsError):
    """A file whose content is not what it should be. A file that cannot be read is a plain NetsError."""


class DivergedError(NetsError):
    """A network whose weights or gradients are not finite."""


class NetsWarning(UserWarning):
    """What a user should know, in one line; nothing is refused."""


@cache
def warn_once(message: str) -> None:
    """Give a NetsWarning, if this process has not given the same before."""
    warnings.warn(message, NetsWarning, stacklevel=3)


def raised(error: BaseException) -> str:
    """An exception that code of the user's has raised, and where: its type, text, file and line."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    text = f": {shortened(str(error), 150)}" if str(error) else ""
    return f"{type(error).__name__}{text}{place}"


def shortened(text: str, most: int) -> str:
    """`text`, without its middle if it is longer than `most` characters."""
    end = most // 3
    return text if len(text) <= most else f"{text[: most - end - 1]}…{text[-end:]}"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant: alike but for case and dashes, or for a letter or two, or the
    only one of which it is a part."""
    meant, plain = _plain(name), {_plain(each): each for each in sorted(known, reverse=True)}
    near = difflib.get_close_matches(meant, plain, n=1, cutoff=0.65)
    whole = [each for each in plain if len(meant) > 2 and meant in each]
    if not near and len(whole) == 1:
        near = whole
    return plain[near[0]] if near else None


def _plain(name: str) -> str:
    return name.casefold().replace("-", "").replace("_", "")


def unknown(kind: str, name: object, known: Iterable[str], meant: str | None = None) -> NetsError:
    """The error for a name that is not among the `known` ones; it suggests one that is near, if any is.

    meant: what the name was probably meant to be, if the caller knows
    """
    names, name = sorted(known), shortened(str(name), 60)
    near = meant or nearest(name, names)
    hint = f"did you mean '{near}'? " if near else ""
    return NetsError(f"unknown {kind} '{name}': {hint}known are {', '.join(names) or 'none'}")
