"""One folder: which command has written it, how far it has come, and what it has found."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from nets_deap.config.measured import measure_in
from nets_deap.models.measure import Measure
from nets_deap.runs import readers
from nets_deap.util import files, locks
from nets_deap.util.errors import DamagedError, NetsError, shortened
from nets_deap.util.schema import checked

CONFIG = "config.json"
RUNNING, FINISHED, UNFINISHED, EMPTY, DAMAGED = STATES = (
    "running", "finished", "unfinished", "empty", "damaged",
)  # fmt: skip
# A field that only one command's config has -> the command and its reader; the first that fits
KINDS = {
    "methods": ("compare", readers.comparison),
    "method": ("search", readers.search),
    "at_most": ("verify", readers.verdict),
    "to": ("transfer", readers.transfer),
    "points": ("connectivity", readers.connectivity),
    "pop": ("evolve", readers.evolution),
    "random": ("train", readers.training),
}


@dataclass(frozen=True)
class Held:
    """What the folder of a run holds, in short.

    command: that has written it; method: the search method, or what was done with a ticket
    score: a metric, of a share of the samples if it is an accuracy; of: "test" or "validation"
    state: one of STATES; done, total: counted in `unit`s; None: nobody knows
    changed: the time of the last change, in seconds since 1970; seconds: of computing
    curve: the course of the score; facts: what else there is to tell
    """

    folder: Path
    command: str
    method: str
    dataset: str
    arch: str
    seed: int
    state: str
    changed: float
    density: float | None = None
    score: float | None = None
    of: str = "test"
    done: int | None = None
    total: int | None = None
    unit: str = ""
    seconds: float | None = None
    curve: tuple[float, ...] = field(default=(), repr=False)
    facts: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def metric(self) -> str:
        """The name of what `score` measures."""
        return self.measure.name

    @cached_property
    def measure(self) -> Measure:
        """How to show `score`."""
        return measure_in(self.folder, self.config)

    @property
    def progress(self) -> str:
        """Such as "3 of 25"; "" if nothing is done."""
        if self.done is None:
            return ""
        return f"{self.done:,}" if self.total is None else f"{self.done:,} of {self.total:,}"

    def check(self) -> None:
        """Raise DamagedError if a file in the folder is damaged."""
        if self.state == DAMAGED:
            reason = str(self.facts["damaged"])
            raise DamagedError(reason if str(self.folder) in reason else f"{self.folder}: {reason}")

    def values(self) -> dict[str, Any]:
        """All of it as one dictionary, for JSON. Facts have their names in the manner of Python's."""
        told = {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if each.name not in ("curve", "facts", "config")
        }
        return (
            told
            | {"folder": str(self.folder), "metric": self.metric}
            | {_snake(name): value for name, value in self.facts.items()}
        )


def _snake(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower().replace("'", "")).strip("_")


def held(folder: Path | str) -> Held:
    """What a folder holds. Raises NetsError if it is not that of a run, DamagedError for a damaged config.

    Other damaged files make a Held in the state "damaged", whose `facts` say what is wrong.
    """
    folder = Path(folder)
    path, at_work = folder / CONFIG, locks.is_held(folder / files.LOCK)
    if not path.is_file():
        if at_work:  # a run that has just begun
            return Held(folder, "", "", "", "", 0, RUNNING, _changed(folder))
        raise NetsError(f"{folder} is not the folder of a run: it has no {CONFIG}")
    config = files.read_json(path)
    kind = next((KINDS[mark] for mark in KINDS if isinstance(config, dict) and mark in config), None)
    if kind is None or not config.keys() >= {"dataset", "arch", "seed"}:
        raise NetsError(f"{path} is not the config of a run of ours")
    names = checked(_Named, {name: config[name] for name in _Named.model_fields}, path).model_dump()
    command, reader = kind
    try:
        told = checked(_Told, {"method": command, **reader(folder, config)}, folder).model_dump()
    except NetsError as error:
        told = {"method": command, "state": DAMAGED, "facts": {"damaged": str(error)}}
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        reason = (
            f"a file here does not hold what it should ({type(error).__name__}: {shortened(str(error), 80)})"
        )
        told = {"method": command, "state": DAMAGED, "facts": {"damaged": reason}}
    if at_work:
        told["state"] = RUNNING
    state = told.pop("state", None) or (UNFINISHED if told.get("done") or _begun(folder) else EMPTY)
    return Held(folder, command, state=state, changed=_changed(folder), config=config, **names, **told)


def _begun(folder: Path) -> bool:
    """Is anything saved to go on from, be it the middle of the first trial?"""
    from nets_deap.config.run_folder import holds_results  # takes most of a second

    return holds_results(folder)


class _Named(BaseModel):
    """What every config names."""

    model_config = ConfigDict(strict=True)
    dataset: str
    arch: str
    seed: Annotated[int, Field(ge=0)]


class _Told(BaseModel):
    """What a reader tells; see `Held`."""

    method: str
    state: str | None = None
    density: float | None = None
    score: float | None = None
    of: str = "test"
    done: Annotated[int, Field(ge=0)] | None = None
    total: Annotated[int, Field(ge=0)] | None = None
    unit: str = ""
    seconds: float | None = None
    curve: tuple[float, ...] = ()
    facts: dict[str, Any] = {}


def _changed(folder: Path) -> float:
    """When a file of a folder was written last. Temporary ones may vanish meanwhile."""
    times = [0.0]
    for each in folder.iterdir():
        with suppress(OSError):
            if each.is_file():
                times.append(each.stat().st_mtime)
    return max(times)
