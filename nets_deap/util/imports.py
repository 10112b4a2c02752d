"""Import what a user names as module:function."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nets_deap.util.errors import NetsError, nearest, raised
from nets_deap.util.random_streams import loading


def name_of(function: Callable[..., Any]) -> str:
    """What a function of the user's own is called: module:function."""
    inner = getattr(function, "func", function)  # of a partial
    name = getattr(inner, "__qualname__", type(inner).__qualname__)
    return f"{getattr(inner, '__module__', '')}:{name}"


def function(name: str, what: str) -> Callable[..., Any]:
    """The user's function `module:function`, searched for in the working directory too.

    what: it is for, in messages. Raises NetsError if there is no such module or function.
    """
    module_name, _, function_name = name.partition(":")
    if not module_name or not function_name:
        raise NetsError(f"{what} '{name}' is not of the form module:function")
    if module_name.endswith(".py"):
        raise NetsError(
            f"{what} '{name}': name the module, not its file: {Path(module_name).stem}:{function_name}"
        )
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    try:
        with loading():
            module = importlib.import_module(module_name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever the user's module does when it is imported
        raise NetsError(f"{what} '{name}': cannot import '{module_name}': {raised(error)}") from error
    found = getattr(module, function_name, None)
    if found is None:
        near = nearest(function_name, [key for key, value in vars(module).items() if callable(value)])
        hint = f": did you mean '{module_name}:{near}'?" if near else ""
        raise NetsError(f"{what} '{name}': '{module_name}' has no function '{function_name}'{hint}")
    if not callable(found):
        raise NetsError(f"{what} '{name}' is not a function")
    return found
