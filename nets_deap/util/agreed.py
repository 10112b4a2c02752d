"""Values that every process of a run loads by itself: all must get the same ones."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from nets_deap.util.errors import NetsError

Call = tuple[str, str, tuple[Any, ...]]  # module, function, arguments

_digests: dict[Call, str] = {}
_expected: dict[Call, str] = {}
_away: list[str] = []  # one entry, this machine's own folder of data, if it belongs to a run elsewhere


def agree(call: Call, digest: str, what: str) -> None:
    """Note what a call has loaded. Raises NetsError if the process that has sent us work got something else.

    digest: of its result; what: for the message
    """
    _digests[call] = digest
    if digest != (expected := _expected.get(call, digest)):
        raise NetsError(
            f"{what} differs from process to process: its checksum is {digest} here and {expected} where the "
            "run was started: use the same files, or leave out this machine"
        )


def known() -> dict[Call, str]:
    """All that has been loaded so far, with the digests."""
    return dict(_digests)


def expect(digests: Mapping[Call, str]) -> None:
    """Let later calls of `agree` compare with what another process has loaded."""
    _expected.update(digests)


def load(call: Call) -> None:
    """Make a call, so that its result is there when it is needed."""
    module, function, arguments = call
    getattr(import_module(module), function)(*arguments)


def elsewhere(folder: str) -> None:
    """This process works for a run on another machine. folder: where data lie here; "": as there"""
    _away[:] = [folder]


def folder(there: str) -> str:
    """Where the data lie that the run has in the folder `there`."""
    return next(iter(_away), "") or there
