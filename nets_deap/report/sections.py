"""The parts of a page: a section has facts, tables and groups of charts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from nets_deap.report.charts import Chart


@dataclass(frozen=True)
class Group:
    """Charts that are shown together. If a section has several named groups, one is chosen at a time."""

    name: str
    charts: Sequence[Chart]


@dataclass(frozen=True)
class Table:
    """A table that is always shown. The first column is text."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Card:
    """What a folder is, at a glance.

    good: of a verdict, whether the ticket is a winning one
    big: its main figures, (name, figure, what it is of); facts: (name, text)
    """

    title: str
    kind: str
    state: str
    good: bool | None
    big: Sequence[tuple[str, str, str]]
    facts: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Listing:
    """Text to copy."""

    title: str
    text: str


@dataclass(frozen=True)
class Section:
    """key: its anchor; intro: a sentence on what is shown; picks: what a group is, for its label"""

    key: str
    title: str
    intro: str = ""
    cards: Sequence[Card] = ()
    charts: Sequence[Chart] = ()
    groups: Sequence[Group] = ()
    picks: str = ""
    tables: Sequence[Table] = ()
    listings: Sequence[Listing] = field(default_factory=tuple)
