"""Consoles that lack some characters: they show words or signs in their place."""

from __future__ import annotations

import codecs
import io
from typing import Any

ERRORS = "nets-deap"  # the name of this way to handle errors, as for `str.encode`
SPELT = {
    "→": "->",
    "…": "...",
    "−": "-",
    "–": "-",
    "±": "+/-",
    "×": "x",
    "·": "*",
    "⊙": "*",
    "†": "+",
    "≤": "<=",
    "²": "^2",
    "₀": "0",
    "θ": "theta",
    "λ": "lambda",
    "σ": "sigma",
    "τ": "tau",
    "ε": "epsilon",
    "ő": "o",
    "é": "e",
    "─": "-",
    **dict(zip("▁▂▃▄▅▆▇█", ".:-=+*#@", strict=True)),  # a curve in one line
}


def spelt(error: UnicodeError) -> tuple[str, int]:
    """What stands for characters that an encoding lacks; the number of one that nobody has spelt."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    escaped = (c.encode("ascii", "backslashreplace").decode("ascii") for c in lacking)
    return "".join(SPELT.get(c, told) for c, told in zip(lacking, escaped, strict=True)), error.end


codecs.register_error(ERRORS, spelt)


def prepare(stream: Any) -> None:
    """Let a stream spell what it lacks, in place of an error."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors=ERRORS)
