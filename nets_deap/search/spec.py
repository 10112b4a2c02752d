"""A search method as a value, written NAME[:OPTION=VALUE,…][+CONTROL]."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from nets_deap.util import calls


@dataclass(frozen=True)
class MethodSpec:
    """A search method, the options given, and perhaps a control.

    name: a name in `registry.METHODS`; options: (name, value) of each option given, sorted
    control: a name in `controls.CONTROLS`, or "" for the method's own ticket
    """

    name: str
    options: tuple[tuple[str, Any], ...] = ()
    control: str = ""

    def __str__(self) -> str:
        return calls.joined(self.name, self.options) + (f"+{self.control}" if self.control else "")

    @property
    def base(self) -> MethodSpec:
        """The same method without its control."""
        return replace(self, control="")

    def with_options(self, options: Mapping[str, Any]) -> MethodSpec:
        """The same method with these options added; their values have their types already."""
        return replace(self, options=tuple(sorted((dict(self.options) | dict(options)).items())))

    def controlled(self, control: str) -> MethodSpec:
        """This control of the method's ticket."""
        return replace(self, control=control)
