"""What a folder of results holds, as values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from nets_deap.config.measured import measure_in
from nets_deap.models.measure import Measure
from nets_deap.problem.budget import Cost
from nets_deap.problem.ticket import Ticket
from nets_deap.util.tables import Row

EVOLUTION, SEARCH, TRAINING, COMPARISON, VERDICT = KINDS = (
    "evolution",
    "search",
    "training",
    "comparison",
    "verdict",
)

Part = TypeVar("Part")


@dataclass(frozen=True)
class Found:
    """A search, and what it has found so far.

    method: as its ticket tells it; rows: the logbook
    state: in words; cost: what it has spent, as far as its files say
    front: of two objectives: (name of a file, row of front.csv, ticket), by density or
        untrained loss
    births: rows of lineage.csv, and survival: of survival.csv
    """

    method: str
    rows: Sequence[Row]
    state: str
    cost: Cost
    front: Sequence[tuple[str, Row, Ticket]] = ()
    births: Sequence[Row] = ()
    survival: Sequence[Row] = ()


@dataclass(frozen=True)
class Trained:
    """A training to the end.

    rows: of training.csv; random: name of a random ticket -> its rows
    summary: figures of the ticket; controls: those of the random tickets
    weights: float32[n] at early stop; None if they are not there, or are not all finite
    """

    rows: Sequence[Row]
    random: Mapping[str, Sequence[Row]]
    summary: Row
    controls: Sequence[Row]
    weights: np.ndarray | None = None


@dataclass(frozen=True)
class Compared:
    """A comparison. summaries: as in summary.csv; trials: rows of trials.csv, with their times

    training, logbooks: the curves that `track_test` keeps; none without it
    """

    summaries: Sequence[Row]
    trials: Sequence[Row]
    training: Sequence[Row] = ()
    logbooks: Sequence[Row] = ()


@dataclass(frozen=True)
class Judged:
    """A verdict. rows: of verify.csv; told: what verdict.json says; None while trainings are missing"""

    rows: Sequence[Row]
    told: Mapping[str, Any] | None


@dataclass(frozen=True)
class Held:
    """All that a page shows of one folder.

    label: what it is called on the page; kind: one of KINDS
    version: of nets-deap, which has computed it; data: checksum of its data; "" if it does not say
    inside: nobody asked for it, but for a folder that it is in
    tickets: name -> ticket; a run has one, a comparison one for each method and density
    """

    folder: Path
    label: str
    kind: str
    config: Mapping[str, Any]
    version: str = ""
    data: str = ""
    tickets: Mapping[str, Ticket] = field(default_factory=dict)
    found: Found | None = None
    trained: Trained | None = None
    compared: Compared | None = None
    judged: Judged | None = None
    inside: bool = False

    @cached_property
    def measure(self) -> Measure:
        """The metric of its figures."""
        return measure_in(self.folder, self.config)


def each(helds: Iterable[Held], of: Callable[[Held], Part | None]) -> list[tuple[str, Part]]:
    """What is `of` each folder that has it, with the beginning of its titles: the folder's name, unless only
    one has it."""
    found = [(held.label, part) for held in helds if (part := of(held))]
    return [(f"{label}: " if len(found) > 1 else "", part) for label, part in found]
