"""Values that every process of a run loads by itself: all must get the same ones."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from importlib import import_module
from types import MappingProxyType
from typing import Any

from nets_deap.util.errors import NetsError

Call = tuple[str, str, tuple[Any, ...]]  # module, function, arguments

_loaded: dict[Call, tuple[str, str]] = {}  # digests, and what has them
# of the run for which this thread works: a worker may have several runs, one after the other
_expected: ContextVar[Mapping[Call, str]] = ContextVar("_expected", default=MappingProxyType({}))
_away: list[str] = []  # one entry, this machine's own folder of data, if it belongs to a run elsewhere


def agree(call: Call, digest: str, what: str) -> None:
    """Note what a call has loaded. Raises NetsError if the process that has sent us work got something else.

    digest: of its result; what: for the message
    """
    _loaded[call] = digest, what
    _compare(call)


def _compare(call: Call) -> None:
    digest, what = _loaded[call]
    if digest != (expected := _expected.get().get(call, digest)):
        raise NetsError(
            f"{what} differs from process to process: its checksum is {digest} here and {expected} where the "
            "run was started: use the same files, or leave out this machine"
        )


def known() -> dict[Call, str]:
    """All that has been loaded so far, with the digests."""
    return {call: digest for call, (digest, _) in _loaded.items()}


def expect(digests: Mapping[Call, str]) -> None:
    """Compare what is loaded, and what this thread will load, with what another process has loaded.

    What differs is loaded again: its files may have changed since an earlier run. Raises NetsError as `agree`
    does.
    """
    _expected.set(digests)
    for call in _loaded.keys() & digests.keys():
        if _loaded[call][0] != digests[call]:
            _function(call).cache_clear()
            load(call)
            _compare(call)


def load(call: Call) -> None:
    """Make a call, whose function has an `lru_cache`, so that its result is there when it is needed."""
    _function(call)(*call[2])


def _function(call: Call) -> Any:
    module, function, _ = call
    return getattr(import_module(module), function)


def elsewhere(folder: str) -> None:
    """This process works for a run on another machine. folder: where data lie here; "": as there"""
    _away[:] = [folder]


def folder(there: str) -> str:
    """Where the data lie that the run has in the folder `there`."""
    return next(iter(_away), "") or there
