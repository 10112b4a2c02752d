"""A search method as a value; written NAME[:OPTION=VALUE,…][+CONTROL]."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from nets_deap.util import calls


@dataclass(frozen=True)
class MethodSpec:
    """name: in `registry.METHODS`; options: (name, value) of those that were given, sorted
    control: a name in `controls.CONTROLS`, or "" for the method's own ticket
    """

    name: str
    options: tuple[tuple[str, Any], ...] = ()
    control: str = ""

    def __str__(self) -> str:
        return calls.joined(self.name, self.options) + (f"+{self.control}" if self.control else "")

    @property
    def base(self) -> MethodSpec:
        """The same without its control."""
        return replace(self, control="")

    def with_options(self, options: Mapping[str, Any]) -> MethodSpec:
        """The same with these options too, typed."""
        return replace(self, options=tuple(sorted((dict(self.options) | dict(options)).items())))

    def controlled(self, control: str) -> MethodSpec:
        """A control of its ticket."""
        return replace(self, control=control)
