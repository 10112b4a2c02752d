"""A search method as a value, written NAME[:OPTION=VALUE,…][+CONTROL]."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from nets_deap.util import calls


@dataclass(frozen=True)
class MethodSpec:
    """A search method, the options given, and perhaps a control.

    name: a name in `registry.METHODS`; options: (name, value) of each option given, sorted
    control: a name in `controls.CONTROLS`, or "" for the method's own ticket
    spelling: (name, text) of options whose text was given. It stays in files and fingerprints, so that
        earlier runs are found again; two specs that differ in spelling alone are equal.
    """

    name: str
    options: tuple[tuple[str, Any], ...] = ()
    control: str = ""
    spelling: tuple[tuple[str, str], ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        told = dict(self.options) | dict(self.spelling)
        return calls.joined(self.name, told) + (f"+{self.control}" if self.control else "")

    @property
    def base(self) -> MethodSpec:
        """The same method without its control."""
        return replace(self, control="")

    def with_options(
        self, options: Mapping[str, Any], spelling: Mapping[str, str] | None = None
    ) -> MethodSpec:
        """The same method with these options added; their values have their types already.

        None is no option, and lists become tuples. spelling: how these options were written
        """
        given = {key: _plain(value) for key, value in options.items() if value is not None}
        written = {key: text for key, text in self.spelling if key not in given}
        written |= {key: text for key, text in (spelling or {}).items() if key in given}
        values = dict(self.options) | given
        return replace(self, options=_sorted(values), spelling=_sorted(written))

    def controlled(self, control: str) -> MethodSpec:
        """This control of the method's ticket."""
        return replace(self, control=control)


def _sorted(values: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(values.items()))


def _plain(value: Any) -> Any:
    """A value that can be hashed, and whose text holds no comma: commas separate options."""
    if isinstance(value, str):
        return value.replace(",", "/")
    return tuple(value) if isinstance(value, list) else value
