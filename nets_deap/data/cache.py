"""A cache of decoded data sets, beside their raw files. Reading them again needs no torchvision."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np

from nets_deap.util import files
from nets_deap.util.checksums import crc32
from nets_deap.util.errors import NetsError
from nets_deap.util.tensors import read_safetensors, write_safetensors

Arrays = dict[str, np.ndarray]
FEW = 500  # files, which are decoded in less than a second
KEPT = 30 * 86_400


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


def by_times(paths: list[Path], folder: Path, make: Callable[[], Arrays]) -> Arrays:
    """The arrays that `make` decodes from the files of a folder of the user's; kept for the next command.

    They are known by the names, sizes and times of the files, which are not read, and lie in the user's cache
    folder, never beside the data. Those that nobody has asked for in KEPT seconds are removed.
    """
    if len(paths) < FEW or not _users():
        return make()
    told = sorted(
        (str(path.relative_to(folder)), (of := path.stat()).st_size, of.st_mtime_ns) for path in paths
    )
    place = _users()[0] / f"folder-{crc32(repr(told).encode(), str(folder.resolve()).encode())}.safetensors"
    try:
        arrays = read_safetensors(place)[1]
    except NetsError:
        arrays = make()
        with suppress(NetsError, OSError):  # it goes without a cache
            place.parent.mkdir(parents=True, exist_ok=True)
            files.sweep_old(place)
            write_safetensors(place, arrays, {"made by": "nets-deap"})
    with suppress(OSError):
        place.touch()
        for other in place.parent.glob("folder-*.safetensors"):
            if other.stat().st_mtime < time.time() - KEPT:
                other.unlink()
    return arrays
