"""What a tracker does with a run, and where it stands."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from nets_deap.util import files, json_text
from nets_deap.util.errors import DamagedError
from nets_deap.util.schema import checked

STATE = "nets-deap.json"  # in the tracker's subfolder of the run's folder


@dataclass
class State:
    """Where the log of a run stands.

    id: of the run, for the tracker; rows: of the logbook, which are in the log
    """

    id: str = field(default_factory=lambda: secrets.token_hex(8))
    rows: int = 0

    @classmethod
    def read(cls, path: Path) -> State:
        """As it was written; a new one if it was not, or if what is there is damaged."""
        try:
            state: State = checked(cls, files.read_json(path), path) if path.exists() else cls()
        except DamagedError:
            state = cls()
        return state

    def write(self, path: Path) -> None:
        files.write_text(path, json_text.dumps(asdict(self)) + "\n")


class Tracker(Protocol):
    """The log of one run.

    It is opened with the folder of the run; with the run's name; with its settings, by name; with its
    `State`, whose `id` it may replace; and with the step of the row that comes next.
    """

    def __init__(
        self, folder: Path, name: str, settings: Mapping[str, Any], state: State, step: int
    ) -> None: ...

    def row(self, step: int, values: Mapping[str, float]) -> None:
        """A row of the logbook."""

    def end(self, step: int, values: Mapping[str, float]) -> None:
        """What was found; `step` is that of the last row."""

    def close(self, finished: bool) -> None:
        """Let all be written."""
