"""Tensors with metadata in the safetensors format, and a digest of both."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from nets_deap.util import files
from nets_deap.util.errors import DamagedError, NetsError, shortened

# NumPy's name of a dtype -> its name in the safetensors format
DTYPES = {"float32": "F32", "float64": "F64", "int64": "I64", "uint16": "U16", "uint8": "U8", "bool": "BOOL"}
DIGEST = "digest"  # key in the metadata; files of earlier versions have none
Tensors = Mapping[str, np.ndarray | Sequence[np.ndarray]]


def write_safetensors(path: Path, tensors: Tensors, metadata: dict[str, str]) -> None:
    """Write tensors and text metadata in the safetensors format; the same content gives the same bytes.

    A sequence of arrays of one shape is written as one stacked tensor, without a copy in memory. The
    library's own writer would need two copies, and the order of its header differs between processes.
    """
    # A path that is no UTF-8 has parts that JSON can hold and the library's reader refuses.
    texts = {key: value.encode(errors="backslashreplace").decode() for key, value in metadata.items()}
    described: dict[str, dict[str, Any]] = {}
    pieces: list[memoryview] = []
    end = 0
    # The widest number types first, so that all tensors are aligned.
    listed = {name: [given] if isinstance(given, np.ndarray) else given for name, given in tensors.items()}
    for name in sorted(listed, key=lambda name: (-listed[name][0].itemsize, name)):
        given, arrays = tensors[name], listed[name]
        stacked = () if isinstance(given, np.ndarray) else (len(given),)
        start, end = end, end + sum(array.nbytes for array in arrays)
        described[name] = {
            "dtype": DTYPES[arrays[0].dtype.name],
            "shape": [*stacked, *arrays[0].shape],
            "data_offsets": [start, end],
        }
        pieces += [np.ascontiguousarray(array).data.cast("B") for array in arrays if array.size]
    shapes = [(name, told["dtype"], told["shape"]) for name, told in described.items()]
    header = {"__metadata__": texts | {DIGEST: _digest(texts, shapes, pieces)}, **described}
    text = json.dumps(header, sort_keys=True, allow_nan=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the tensors start at a multiple of eight
    files.write_bytes(path, len(text).to_bytes(8, "little"), text, *pieces)


def _digest(metadata: Mapping[str, str], shapes: Sequence[tuple[Any, ...]], pieces: Sequence[Any]) -> str:
    """SHA-256 of all that a file holds: metadata, names, dtypes, shapes, and bytes in the file's order."""
    told = {key: value for key, value in metadata.items() if key != DIGEST}
    digest = hashlib.sha256(json.dumps([told, shapes], sort_keys=True, allow_nan=False).encode())
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def read_safetensors(path: Path, kind: str = "file") -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """Metadata and tensors; `kind` says in messages what the file should be.

    Raises DamagedError if they are not what was written, or the file has another format, and NetsError if it
    cannot be read.
    """
    metadata, tensors = _read(path, kind)
    if DIGEST in metadata:
        order = sorted(tensors, key=lambda name: (-tensors[name].itemsize, name))
        shapes = [(name, DTYPES.get(tensors[name].dtype.name), list(tensors[name].shape)) for name in order]
        pieces = [np.ascontiguousarray(tensors[name]).data.cast("B") for name in order if tensors[name].size]
        if metadata[DIGEST] != _digest(metadata, shapes, pieces):
            raise DamagedError(f"{kind} {path} is damaged: its content is not what was written")
    return metadata, tensors


def metadata_of(path: Path, kind: str = "file") -> dict[str, str]:
    """The metadata alone, in a moment: unchecked by their digest. Raises NetsError as `read_safetensors`."""
    return _read(path, kind, tensors=False)[0]


def _read(path: Path, kind: str, tensors: bool = True) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    try:
        with path.open("rb") as file:  # for the system's own reason, if it cannot be read
            if not stat.S_ISREG(path.stat().st_mode):
                raise NetsError(f"cannot read {kind} {path}: it is not a file")
            file.read(1)
        with safe_open(str(path), framework="numpy") as opened:
            names = opened.keys() if tensors else ()
            return opened.metadata() or {}, {name: opened.get_tensor(name) for name in names}
    except OSError as error:
        raise NetsError(f"cannot read {kind} {path}: {error.strerror or error}") from error
    except (SafetensorError, KeyError, TypeError, ValueError, AttributeError, ImportError) as error:
        raise DamagedError(f"{kind} {path} is damaged ({shortened(str(error), 100)})") from error
