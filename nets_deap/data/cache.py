"""A cache of decoded data sets, beside their raw files. Reading them again needs no torchvision."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from nets_deap.util import files
from nets_deap.util.checksums import crc32
from nets_deap.util.errors import NetsError
from nets_deap.util.tensors import read_safetensors, write_safetensors

Arrays = dict[str, np.ndarray]


def checksum(paths: Iterable[Path]) -> str:
    """Checksum of the names and contents of files, eight hexadecimal digits."""
    return crc32(*(part for path in sorted(paths) for part in (path.name.encode(), path.read_bytes())))


def _users() -> list[Path]:
    """The user's cache folder; none if the user has no home."""
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:  # an empty or relative one counts as none (XDG Base Directory Specification)
        return [(given if given.is_absolute() else Path.home() / ".cache") / "nets-deap"]
    except RuntimeError:
        return []


def cached(paths: list[Path], name: str, make: Callable[[], Arrays]) -> Arrays:
    """The arrays that `make` reads from raw files; `make` runs once, and again if the files change.

    paths: the raw files, all in one folder. The cache is stored beside them, or in the user's cache folder if
        theirs is not writable
    name: of the data set
    A damaged cache is made again. If no cache can be written, the arrays are returned all the same.
    """
    if not paths:
        return make()
    file_name = f"{name}-{checksum(paths)}.safetensors"
    beside = paths[0].parent
    # Judged by its mode, because root could write even to a folder that its owner has made read-only.
    folders = [beside, *_users()] if beside.stat().st_mode & 0o222 else _users()
    places = [folder / file_name for folder in folders]
    for place in places:
        try:
            return read_safetensors(place)[1]
        except NetsError:
            continue
    arrays = make()
    for place in places:
        try:
            files.sweep_old(place)
            write_safetensors(place, arrays, {"made by": "nets-deap"})
            break
        except NetsError:
            continue
    return arrays
