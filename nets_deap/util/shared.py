"""Large values that worker processes get once: they pickle as a reference."""

from __future__ import annotations

import atexit
import pickle
import shutil
import tempfile
import uuid
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

_made: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()  # a forked worker inherits it
_received: dict[str, Any] = {}
_referenced: list[set[str]] = []  # the keys of all references made within `references`
_sent: dict[str, bytes] = {}  # contents for which there is no file here


@cache
def _folder() -> Path:
    """A folder for this process, removed at its end."""
    folder = Path(tempfile.mkdtemp(prefix="nets-deap-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def key() -> str:
    """A new key for a value."""
    return uuid.uuid4().hex


def reduced(key: str, value: Any, contents: Any, make: Callable[[Any], Any]) -> tuple[Any, ...]:
    """What `__reduce__` of a value returns: a reference that `recall` follows.

    contents: pickled into a file once, for processes that do not have the value; the file lives as long
    make: makes the value of its contents
    """
    path = _folder() / key
    if key not in _made:
        _made[key] = value
        with path.open("wb") as file:
            pickle.dump(contents, file, protocol=5)
        weakref.finalize(value, _remove, path)
    for keys in _referenced:
        keys.add(key)
    return recall, (key, str(path), make)


@contextmanager
def references() -> Iterator[set[str]]:
    """Yields a set of the keys of all values that are pickled within the block."""
    keys: set[str] = set()
    _referenced.append(keys)
    try:
        yield keys
    finally:
        _referenced.remove(keys)


def contents(key: str) -> bytes:
    """What a process on another machine needs to `receive`, so that it can `recall` the value."""
    return (_folder() / key).read_bytes()


def receive(key: str, contents: bytes) -> None:
    _sent[key] = contents


def forget(key: str) -> None:
    _sent.pop(key, None)
    _received.pop(key, None)


def _remove(path: Path) -> None:
    with suppress(OSError):  # on Windows, while a worker reads it; it then goes with the folder
        path.unlink()


def recall(key: str, path: str, make: Callable[[Any], Any]) -> Any:
    """The value of a reference; its contents are read once per process."""
    found = _made.get(key, _received.get(key))
    if found is None:
        if (told := _sent.pop(key, None)) is not None:
            found = make(pickle.loads(told))
        else:
            with Path(path).open("rb") as file:
                found = make(pickle.load(file))
        _received[key] = found
    return found
