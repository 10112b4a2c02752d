"""Write files atomically: a reader sees the old file or the new one, never half of it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from nets_deap.util.errors import NetsError

# NumPy's name of a dtype -> its name in the safetensors format
DTYPES = {"float32": "F32", "float64": "F64", "int64": "I64", "uint8": "U8", "bool": "BOOL"}
TEMPORARY = ".nets-deap-tmp"  # suffix of a file being written; a killed process may leave one


def write_bytes(path: Path, *pieces: bytes | memoryview) -> None:
    """Replace a file by these pieces in one step. Raises NetsError if it cannot be written."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise NetsError(f"cannot write {path}: {error.strerror or error}") from error


def write_text(path: Path, text: str) -> None:
    write_bytes(path, text.encode())


def write_safetensors(
    path: Path, tensors: Mapping[str, np.ndarray | Sequence[np.ndarray]], metadata: dict[str, str]
) -> None:
    """Write tensors and text metadata in the safetensors format; the same content gives the same bytes.

    A sequence of arrays of one shape is written as one stacked tensor, without a copy in memory. The
    library's own writer would need two copies, and the order of its header differs between processes.
    """
    header: dict[str, Any] = {"__metadata__": metadata}
    pieces: list[memoryview] = []
    end = 0
    # The widest number types first, so that all tensors are aligned.
    for name in sorted(tensors, key=lambda name: (-tensors[name][0].itemsize, name)):
        given = tensors[name]
        arrays = [given] if isinstance(given, np.ndarray) else given
        stacked = () if isinstance(given, np.ndarray) else (len(given),)
        start, end = end, end + sum(array.nbytes for array in arrays)
        header[name] = {
            "dtype": DTYPES[arrays[0].dtype.name],
            "shape": [*stacked, *arrays[0].shape],
            "data_offsets": [start, end],
        }
        pieces += [np.ascontiguousarray(array).data.cast("B") for array in arrays if array.size]
    text = json.dumps(header, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 8)  # the tensors start at a multiple of eight
    write_bytes(path, len(text).to_bytes(8, "little"), text, *pieces)


@contextmanager
def claimed_folder(path: Path) -> Iterator[None]:
    """Create a folder for results and keep other processes out; remove a new folder that stays empty.

    Raises NetsError if it cannot be written to, or if another process is at work there.
    """
    new = not path.exists()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NetsError(f"cannot create the folder {path}: {error.strerror or error}") from error
    lock = path / f".lock{TEMPORARY}"
    try:
        file = lock.open("w")
    except OSError as error:
        raise NetsError(f"cannot write to the folder {path}: choose another `out`") from error
    with file:
        try:
            # A record lock: forked workers do not inherit it, and it ends with the process, however it ends.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise NetsError(f"another process is at work in {path}: wait, or choose another `out`") from error
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)
            if new and not any(path.iterdir()):
                path.rmdir()


def strangers(folder: Path, ours: Collection[str] = ()) -> bool:
    """Whether a path is a file, or a folder with files not named in `ours` (temporary files do not count)."""
    if not folder.is_dir():
        return folder.exists()
    return any(p.name not in ours and not p.name.endswith(TEMPORARY) for p in folder.iterdir())
