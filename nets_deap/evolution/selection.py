"""Selections written as text: parsed, and checked before anything runs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from nets_deap.evolution.selection_operators import ALGORITHMS, COMMA, PLUS, SELECTIONS, SIMPLE, Selection
from nets_deap.individuals.genome import Genome
from nets_deap.util import calls
from nets_deap.util.errors import NetsError, shortened, unknown

__all__ = ["ALGORITHMS", "COMMA", "PLUS", "SIMPLE", "Choice", "check", "parse", "table"]


@dataclass(frozen=True)
class Choice:
    """A selection operator with its arguments bound."""

    name: str
    selection: Selection
    arguments: dict[str, Any]

    def __str__(self) -> str:
        arguments = ",".join(f"{key}={value}" for key, value in self.arguments.items())
        return f"{self.name}:{arguments}" if arguments else self.name

    @property
    def has_pressure(self) -> bool:
        return self.name != "random" and self.arguments.get("tournsize") != 1

    def __call__(self, individuals: list[Genome], k: int) -> list[Genome]:
        return self.selection.select(individuals, k, **self.arguments)


def parse(text: str) -> Choice:
    """`name` or `name:argument=value,argument=value`, checked against SELECTIONS. DEAP's names work too.

    Raises NetsError for an unknown name or argument, a value of the wrong type or size, a refused operator.
    """
    name, given = calls.split(text, "selection")
    name = next((ours for ours, entry in SELECTIONS.items() if entry.deap == name), name)
    if name not in SELECTIONS:
        raise unknown("selection", name, SELECTIONS)
    selection = SELECTIONS[name]
    if selection.refused:
        raise NetsError(f"selection '{name}' is refused: {selection.refused}")
    arguments = dict(selection.arguments)
    for key, value in given.items():
        if key not in arguments:
            if not arguments:
                raise NetsError(f"selection '{name}' takes no arguments, got '{key}'")
            raise unknown(f"argument of selection '{name}'", key, arguments)
        arguments[key] = _value(name, key, value, selection)
    return Choice(name, selection, arguments)


def _value(name: str, key: str, text: str, selection: Selection) -> Any:
    """An argument's value, with the type of its default."""
    expected = type(selection.arguments[key])
    value = calls.value(text)
    if expected is float and type(value) in (int, float):
        value = float(value) if math.isfinite(value) else None
    low, high = selection.minimum.get(key), selection.maximum.get(key)
    if (
        type(value) is not expected
        or (low is not None and value < low)
        or (high is not None and value > high)
    ):
        limits = (
            "" if low is None else f" of at least {low}" + ("" if high is None else f" and at most {high}")
        )
        kind = {int: "a whole number", float: "a number", bool: "true or false"}[expected]
        raise NetsError(f"selection '{name}': {key}={shortened(text, 80)} is not {kind}{limits}")
    return value


def check(choice: Choice, algorithm: str, population: int) -> None:
    """Raise NetsError if the operator has no effect, or fails, in this algorithm at this population size."""
    allowed = choice.selection.algorithms
    if algorithm not in allowed:
        why = (
            "selecting n of n changes nothing there"
            if SIMPLE not in allowed
            else "it selects parents, not survivors"
        )
        raise NetsError(
            f"selection '{choice.name}' does not go with `algorithm` {algorithm} ({why}): take {allowed[0]}"
        )
    if population % choice.selection.multiple:
        multiple = choice.selection.multiple
        nearest = max(multiple, round(population / multiple) * multiple)
        raise NetsError(
            f"selection '{choice.name}' needs a population that is a multiple of {multiple}, "
            f"got {population}: take `pop` {nearest}"
        )


def table() -> list[tuple[str, str, str, str, str]]:
    """(name, arguments, objectives, algorithms, note) of every operator, as text to show."""
    rows = []
    for name, selection in SELECTIONS.items():
        arguments = ",".join(f"{key}={value}" for key, value in selection.arguments.items())
        objectives = "fitness" if selection.objectives == 1 else "loss and density (or untrained loss)"
        algorithms = "refused" if selection.refused else ", ".join(selection.algorithms)
        rows.append((name, arguments, objectives, algorithms, selection.refused or selection.note))
    return rows
