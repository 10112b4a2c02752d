"""The logs of a run, each of which goes on where it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from nets_deap.tracking.names import check, parsed
from nets_deap.tracking.tracker import STATE, State, Tracker
from nets_deap.util import files
from nets_deap.util.errors import shortened, warn_once
from nets_deap.util.tables import COUNTED, Row

STEPS = (*COUNTED, "iteration")  # columns that count the rows of a logbook, or of a training


class Log:
    """A run, for some trackers. They are opened when there is something to write.

    A tracker that fails, for example because its server does not answer, is told in a warning and left out:
    the run does not depend on it.
    """

    def __init__(self, names: Sequence[str], folder: Path, settings: Mapping[str, Any]) -> None:
        self.folder, self.settings = folder, settings
        self._states = {name: State.read(folder / name / STATE) for name in names}
        self._open: dict[str, Tracker] = {}
        self._over = False

    def begin(self, rows: Sequence[Row]) -> None:
        """The rows that the run has already, when it begins or goes on.

        A log that holds more is that of an earlier run: this one gets a new log.
        """
        for name, state in self._states.items():
            if state.rows > len(rows):
                self._states[name] = State()
        self.rows(rows)

    def rows(self, rows: Sequence[Row]) -> None:
        """Log the rows of the whole logbook so far that are not in a log yet."""
        for name, state in list(self._states.items()):
            if new := rows[state.rows :]:
                self._try(name, lambda: self._add(name, new, state), _step(new[0], state.rows))  # noqa: B023

    def _add(self, name: str, new: Sequence[Row], state: State) -> None:
        for place, row in enumerate(new, state.rows):
            self._open[name].row(_step(row, place), _numbers(row))
        state.rows += len(new)
        state.write(self.folder / name / STATE)

    def end(self, rows: Sequence[Row], found: Mapping[str, Any]) -> None:
        """Log the rest of the rows, and what was found: the ticket's density and accuracy."""
        self.rows(rows)
        step = _step(rows[-1], len(rows) - 1) if rows else 0
        values = {f"ticket/{key}": value for key, value in _numbers(found).items()}
        for name in list(self._states):
            self._try(name, lambda: self._open[name].end(step, values), step + 1)  # noqa: B023
        self._over = True

    def close(self) -> None:
        for name in list(self._open):
            self._try(name, lambda: self._open[name].close(self._over), 0)  # noqa: B023

    def _try(self, name: str, action: Callable[[], None], step: int) -> None:
        """Act on a tracker, which is opened for a row of this step if it is not open yet."""
        try:
            if name not in self._open:
                files.refuse_link(self.folder / name)
                (self.folder / name).mkdir(exist_ok=True)
                module = import_module(f"nets_deap.tracking.to_{name}")
                state, title = self._states[name], self.folder.absolute().name
                self._open[name] = module.Tracker(self.folder, title, self.settings, state, step)
            action()
        except Exception as error:
            self._open.pop(name, None)
            self._states.pop(name, None)
            what = shortened(" ".join(f"{type(error).__name__}: {error}".split()), 160)
            warn_once(f"the run goes on without its log in {name}, which has failed: {what}")


@contextmanager
def tracked(names: str | None, folder: Path, settings: Mapping[str, Any]) -> Iterator[Log]:
    """The `Log` of a run in a folder, which is closed in the end.

    names: such as "tensorboard,mlflow"; None: no tracker; settings: the hyperparameters of the run
    TensorBoard's files are in the folder. So are the run of wandb, which is offline, and MLflow's database,
    unless WANDB_MODE or MLFLOW_TRACKING_URI say otherwise.
    Raises NetsError for an unknown tracker, and for one whose package is not installed.
    """
    check(names)
    log = Log(parsed(names), folder, settings)
    try:
        yield log
    finally:
        log.close()


def _step(row: Row, place: int) -> int:
    return next((int(row[key]) for key in STEPS if key in row), place)


def _numbers(row: Mapping[str, Any]) -> dict[str, float]:
    """The numeric columns, apart from those that count rows."""
    return {
        key: value
        for key, value in row.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and key not in STEPS
    }
