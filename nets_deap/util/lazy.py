"""Imports that cost nothing before they are needed."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def exported(
    package: str, home: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """`__getattr__`, `__dir__` and `__all__` of a package whose names are imported when they are first used.

    home: module in the package -> its public names
    """
    module_of = {name: module for module, names in home.items() for name in names}

    def get(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        return getattr(importlib.import_module(f"{package}.{module_of[name]}"), name)

    return get, lambda: sorted(module_of), list(module_of)


def loaded(name: str) -> Any:
    """A module that somebody has imported; None if nobody has.

    While another thread imports it, `sys.modules` holds a module that lacks half of its names: this waits.
    """
    return importlib.import_module(name) if name in sys.modules else None
