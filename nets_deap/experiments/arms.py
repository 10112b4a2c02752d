"""Arms of a comparison: methods that a config file gives a name and options."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from nets_deap.search.registry import METHODS, method_of, parse, pieces, typed
from nets_deap.search.spec import MethodSpec
from nets_deap.util.errors import NetsError

NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,59}", re.ASCII)
EXPECTED = 'expected a table such as { method = "imp", epochs = 1 }'


def parsed(told: object) -> dict[str, MethodSpec]:
    """The arms of a config: name -> a table with `method` and the method's options, or a method as text.

    Raises NetsError for anything else, two arms of the same method, and the name of a method for another one.
    """
    if not isinstance(told, Mapping):
        raise NetsError(f"the arms of a comparison stand under [arms.NAME]: {EXPECTED}")
    arms = {str(name): _arm(str(name), value) for name, value in told.items()}
    names = {spec: name for name, spec in arms.items()}
    for name, spec in arms.items():
        if names[spec] != name:
            raise NetsError(f"the arms {name} and {names[spec]} are the same: {spec}")
    return arms


def _arm(name: str, told: object) -> MethodSpec:
    if not NAME.fullmatch(name):
        raise NetsError(f"arm '{name}': expected a name of letters, digits, dots and dashes, of 60 at most")
    if isinstance(told, MethodSpec):
        return told
    options = dict(told) if isinstance(told, Mapping) else {"method": told}
    method = options.pop("method", None)
    if not isinstance(method, str):
        raise NetsError(f"arm '{name}': {EXPECTED}")
    try:
        spec = parse(method)
        texts = {str(key).replace("-", "_"): _text(value) for key, value in options.items()}
        spec = spec.with_options(typed(spec.name, texts))
        method_of(spec)  # raises NetsError for impossible options
    except NetsError as error:
        raise NetsError(f"arm '{name}': {error}") from error
    if name in METHODS and spec != MethodSpec(name):
        raise NetsError(f"arm '{name}' has the name of a method, and is {spec}: give it another one")
    return spec


def _text(value: object) -> str:
    """An option as it stands in the text of a method: there slashes separate what commas do elsewhere."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "/".join(map(_text, value))
    if isinstance(value, int | float | str):
        return str(value).replace(",", "/")
    raise NetsError(f"{value!r} is no option: expected a number, a text, true or false, or a list of them")


def resolved(told: Any, arms: Mapping[str, MethodSpec]) -> list[MethodSpec]:
    """The methods that texts name, each a method or an arm, perhaps with a control."""
    texts = told if isinstance(told, list | tuple) else [told]
    if not all(isinstance(text, str | MethodSpec) for text in texts):
        raise NetsError(f"`methods` {told}: expected the names of methods, for example imp,snip,random")
    found = []
    for text in texts:
        found += [text] if isinstance(text, MethodSpec) else [named(each, arms) for each in pieces(text)]
    return list(dict.fromkeys(found))


def named(text: str, arms: Mapping[str, MethodSpec]) -> MethodSpec:
    """The method or arm, perhaps with a control, that a text names."""
    name, _, control = text.partition("+")
    if name not in arms:
        return parse(text)
    spec = arms[name]
    return parse(f"{spec.base}+{control}") if control else spec


def label(spec: MethodSpec, arms: Mapping[str, MethodSpec] | None) -> str:
    """The name of an arm, also with a control; that of any other method is the method itself."""
    for name, arm in (arms or {}).items():
        if arm == spec:
            return name
        if arm == spec.base:
            return f"{name}+{spec.control}"
    return str(spec)
