"""Digests beside results: a figure that was edited or damaged is not taken for one that was measured."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from nets_deap.util import files, json_text
from nets_deap.util.errors import DamagedError
from nets_deap.util.schema import checked

DIGESTS = "digests.json"  # in a folder: name of a table -> digests of its lines
LENGTH = 32  # hexadecimal digits of SHA-256 for a line
DIGEST = "digest"  # a key in JSON that is sealed


def write_text(path: Path, text: str) -> None:
    """Write a table as text, and the digests of its lines beside it."""
    known = _known(path.parent)
    # They come first, with those of what is there: a kill in between leaves lines that are all known.
    before: set[str] = set()
    with suppress(DamagedError):
        before = _lines(files.read_text(path)) if path.is_file() else before
    before &= set(known.get(path.name, before))  # what somebody has edited stays unknown
    known[path.name] = sorted(before | _lines(text))
    files.write_text(path.with_name(DIGESTS), json_text.dumps(known, indent=0, sort_keys=True) + "\n")
    files.write_text(path, text)


def read_text(path: Path) -> str:
    """The text that `write_text` wrote, perhaps without some of its lines.

    Raises DamagedError for other lines. A file of earlier versions has no digests, and is read as it is.
    """
    text, known = files.read_text(path), _known(path.parent).get(path.name)
    if known is not None and not _lines(text) <= set(known):
        raise DamagedError(
            f"{path} is not what was written here: it was changed, or is damaged. Restore it, move it away, "
            f"or move {DIGESTS} away to take it as it is"
        )
    return text


def _lines(text: str) -> set[str]:
    return {_digest(line.encode())[:LENGTH] for line in text.splitlines(keepends=True)}


def _known(folder: Path) -> dict[str, list[str]]:
    path = folder / DIGESTS
    try:
        return checked(dict[str, list[str]], files.read_json(path), path) if path.exists() else {}
    except DamagedError as error:
        raise DamagedError(f"{error}: move it away to take the tables as they are") from error


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def sealed(values: Mapping[str, Any]) -> str:
    """JSON text of these values and their digest; `opened` returns the same numbers, finite or not."""
    return json_text.kept({**values, DIGEST: _of(values)}, indent=2) + "\n"


def opened(path: Path) -> dict[str, Any]:
    """The values in a JSON file that `sealed` made. Raises DamagedError if they are others; those of earlier
    versions have no digest, and are read as they are."""
    values = json_text.restored(checked(dict[str, Any], files.read_json(path), path))
    digest = values.pop(DIGEST, None)
    if digest is not None and digest != _of(values):
        raise DamagedError(f"{path} is not what was written here: it was changed, or is damaged")
    return values


def _of(values: Mapping[str, Any]) -> str:
    return _digest(json_text.kept(values, sort_keys=True).encode())
