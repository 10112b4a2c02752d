"""Import what a user names as module:function."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache, update_wrapper
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar

from nets_deap.util.errors import NetsError, nearest, raised
from nets_deap.util.random_streams import loading

P = ParamSpec("P")
R = TypeVar("R")


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
        with nullcontext() if module_name in sys.modules else loading():
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


@dataclass(frozen=True, eq=False)
class _Now:
    """What a name stands for now: equal if it is the same object, which need not be hashable."""

    found: Callable[..., Any]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Now) and other.found is self.found

    def __hash__(self) -> int:
        return id(self.found)


class Cached(Generic[P, R]):
    """`lru_cache` for a call whose arguments may name functions of the user's own.

    What the names stand for is part of the key: after a reload of a module its new functions count.
    """

    def __init__(self, call: Callable[P, R], size: int, own: Callable[P, Mapping[str, str]]) -> None:
        update_wrapper(self, call)
        self._own = own
        self._call: Any = lru_cache(size)(lambda _, *arguments, **named: call(*arguments, **named))

    def __call__(self, *arguments: P.args, **named: P.kwargs) -> R:
        """Raises NetsError as `function` does, and what the call raises."""
        own = self._own(*arguments, **named)
        now = tuple(_Now(function(":".join(name.split(":")[:2]), what)) for what, name in own.items())
        found: R = self._call(now, *arguments, **named)
        return found

    def cache_clear(self) -> None:
        self._call.cache_clear()


def cached(size: int, own: Callable[P, Mapping[str, str]]) -> Callable[[Callable[P, R]], Cached[P, R]]:
    """A decorator, `Cached`.

    own: returns, for the arguments of a call, what each name of the user's own is for -> module:function,
        with more after a second colon if need be
    """
    return lambda call: Cached(call, size, own)
