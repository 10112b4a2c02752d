"""Large values that worker processes get once: they pickle as a reference."""

from __future__ import annotations

import atexit
import pickle
import shutil
import tempfile
from pathlib import Path
from typing import Any

_held: dict[str, Any] = {}  # what this process has made or received; a forked worker inherits it
_folder: Path | None = None


def hold(key: str, value: Any) -> None:
    """Remember a value by a key that names its content."""
    _held.setdefault(key, value)


def reference(key: str) -> tuple[str, str]:
    """What stands for a held value in a pickle: its key, and a file for processes that do not have it."""
    global _folder  # noqa: PLW0603
    if _folder is None:
        _folder = Path(tempfile.mkdtemp(prefix="nets-deap-"))
        atexit.register(shutil.rmtree, _folder, ignore_errors=True)
    path = _folder / f"{key}.pickle"
    if not path.exists():
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            pickle.dump(_contents(_held[key]), file, protocol=5)
        partial.rename(path)
    return key, str(path)


def _contents(value: Any) -> Any:
    return value.contents() if hasattr(value, "contents") else value


def recall(key: str, path: str, make: Any = None) -> Any:
    """The value of a reference, read once per process.

    make: makes the value of its contents
    """
    if key not in _held:
        with Path(path).open("rb") as file:
            found = pickle.load(file)
        _held[key] = make(found) if make else found
    return _held[key]
