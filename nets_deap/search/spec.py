"""A search method as a person names it: NAME[:OPTION=VALUE,…][+CONTROL]. Here alone text becomes that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from nets_deap.util import calls
from nets_deap.util.errors import NetsError

if TYPE_CHECKING:
    from nets_deap.search.method import Method


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
    def method(self) -> Method:
        """The method with its options settled. Raises NetsError for what does not go together."""
        return _made(self)

    @property
    def base(self) -> MethodSpec:
        """The same without its control."""
        return replace(self, control="")

    @property
    def gives_ticket(self) -> bool:
        """False for a method that trains a network whose mask moves."""
        return bool(self.control) or self.method.gives_ticket

    def with_options(self, options: Mapping[str, Any]) -> MethodSpec:
        """The same with these options too, typed."""
        return replace(self, options=tuple(sorted((dict(self.options) | dict(options)).items())))

    def controlled(self, control: str) -> MethodSpec:
        """A control of its ticket."""
        return replace(self, control=control)


@cache
def _made(spec: MethodSpec) -> Method:
    from nets_deap.search import registry

    return registry.make(spec)


@cache
def parse(text: str) -> MethodSpec:
    """The method that `text` names. Raises NetsError for anything unknown in it."""
    from nets_deap.search import registry

    base, plus, control = text.strip().partition("+")
    name, options = calls.split(base, "method")
    if plus:
        registry.check_control(name, control)
    spec = MethodSpec(name).with_options(registry.typed(name, options)).controlled(control)
    _ = spec.method  # refuses what cannot be
    return spec


def parse_all(text: str) -> tuple[MethodSpec, ...]:
    """Several, separated by commas; a piece that is OPTION=VALUE belongs to the method before it."""
    pieces: list[str] = []
    for piece in filter(None, (piece.strip() for piece in text.split(","))):
        if pieces and "=" in piece and ":" not in piece.partition("=")[0]:
            pieces[-1] += "," + piece
        else:
            pieces.append(piece)
    if not pieces:
        raise NetsError("no `methods` given: for example imp,snip,random")
    return tuple(dict.fromkeys(map(parse, pieces)))
