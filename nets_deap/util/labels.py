"""Short names of methods for charts, which still tell them apart."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

MOST = 3  # options in a short name


def labels(methods: Iterable[str]) -> dict[str, str]:
    """Each method, written NAME[:OPTION=VALUE,…][+CONTROL] -> its name and the fewest of its options that no
    other of the name has; its whole text where so few do not suffice.
    """
    texts = list(dict.fromkeys(methods))
    return {text: _label(text, texts) for text in texts}


def _label(text: str, texts: list[str]) -> str:
    name, options, control = _parts(text)
    others = [set(rest) for other in texts if other != text for head, rest, end in [_parts(other)]
              if (head, end) == (name, control)]  # fmt: skip
    for count in range(min(MOST, len(options)) + 1):
        for chosen in combinations(options, count):
            if not any(other.issuperset(chosen) for other in others):
                return (f"{name}:{','.join(chosen)}" if chosen else name) + control
    return text


def _parts(text: str) -> tuple[str, list[str], str]:
    """Name, options and control, the latter with its plus."""
    rest, plus, control = text.partition("+")
    name, _, options = rest.partition(":")
    return name, options.split(",") if options else [], plus + control
