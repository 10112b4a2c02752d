"""NAME:KEY=VALUE,KEY=VALUE: the notation for methods and selections on a command line and in files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nets_deap.util.errors import NetsError

WORDS: dict[str, Any] = {"yes": True, "true": True, "no": False, "false": False, "none": None}


def split(text: str, what: str) -> tuple[str, dict[str, str]]:
    """The name and the arguments, in order. Raises NetsError for an argument that is not KEY=VALUE."""
    name, _, given = text.partition(":")
    arguments = {}
    for item in filter(None, given.split(",")):
        key, equals, value = (piece.strip() for piece in item.partition("="))
        if not equals:
            raise NetsError(f"{what} '{text}': '{item}' is not of the form KEY=VALUE")
        arguments[key] = value
    return name.strip(), arguments


def joined(name: str, arguments: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> str:
    """The text of a name with arguments: the inverse of `split`."""
    told = ",".join(f"{key}={_shown(value)}" for key, value in dict(arguments).items())
    return f"{name}:{told}" if told else name


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return repr(value).removesuffix(".0").replace("e+", "e")
    return "/".join(map(_shown, value)) if isinstance(value, list | tuple) else str(value)


def value(text: str) -> Any:
    """The number, word or text that an argument gives; several, with slashes between them, are a tuple."""
    if "/" in text:
        return tuple(value(part) for part in text.split("/"))
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
