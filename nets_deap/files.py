"""Writing files so that a reader sees the old one or the new one, never half of it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from nets_deap.errors import NetsError

TEMPORARY = ".nets-deap-tmp"  # ends the name of a file that is being written; a kill may leave one behind


def write_bytes(path: Path, *pieces: bytes | memoryview) -> None:
    """Replace a file by these pieces in one step. Raises NetsError where it cannot be written."""
    temporary = path.with_name(f".{path.name}{TEMPORARY}")
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


def write_safetensors(path: Path, tensors: Mapping[str, np.ndarray], metadata: dict[str, str]) -> None:
    """Tensors and text metadata; the same content gives the same bytes."""
    from safetensors.numpy import save

    content = save(dict(tensors), metadata)
    # safetensors writes metadata in an order that differs from process to process: sort its header.
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8:end]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # the tensors start at a multiple of eight
    write_bytes(path, len(header).to_bytes(8, "little"), header, memoryview(content)[end:])


@contextmanager
def claimed_folder(path: Path) -> Iterator[None]:
    """Create a folder for results and keep other processes out of it; if it stays empty, it goes again.

    Raises NetsError if it cannot be written to, or another process is at work there.
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
        raise NetsError(f"cannot write to the folder {path}: choose another --out") from error
    with file:
        try:
            # A record lock: forked workers do not inherit it, and it goes with the process, however it ends.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise NetsError(f"another process is at work in {path}: wait, or choose another --out") from error
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)
            if new and not any(path.iterdir()):
                path.rmdir()


def strangers(folder: Path, ours: Collection[str] = ()) -> bool:
    """Whether a path is a file, or a folder with something in it that is not ours."""
    if not folder.is_dir():
        return folder.exists()
    return any(p.name not in ours and not p.name.endswith(TEMPORARY) for p in folder.iterdir())
