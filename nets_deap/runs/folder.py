"""One folder: which command has written it, how far it has come, and what it has found."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from nets_deap.runs import readers
from nets_deap.util import files, locks
from nets_deap.util.errors import DamagedError, NetsError

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
        numbers = self.config.get("loss") in ("mse", "mae", "huber") and ":" in self.dataset
        return str(self.config.get("metric") or ("R²" if numbers else "accuracy"))

    @property
    def progress(self) -> str:
        """Such as "3 of 25"; "" if nothing is done."""
        if self.done is None:
            return ""
        return f"{self.done:,}" if self.total is None else f"{self.done:,} of {self.total:,}"

    def values(self) -> dict[str, Any]:
        """All of it as one dictionary, for JSON."""
        told = {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if each.name not in ("curve", "facts", "config")
        }
        return told | {"folder": str(self.folder), "metric": self.metric} | self.facts


def held(folder: Path | str) -> Held:
    """What a folder holds. Raises NetsError if it is not the folder of a run.

    Damaged tables make a Held in the state "damaged"; `facts` then say what is wrong.
    """
    folder = Path(folder)
    path = folder / CONFIG
    if not path.is_file():
        raise NetsError(f"{folder} is not the folder of a run: it has no {CONFIG}")
    config = files.read_json(path)
    kind = next((KINDS[mark] for mark in KINDS if isinstance(config, dict) and mark in config), None)
    if kind is None or not config.keys() >= {"dataset", "arch", "seed"}:
        raise NetsError(f"{path} is not the config of a run of ours")
    command, reader = kind
    told: dict[str, Any] = {"method": command}
    try:
        told |= reader(folder, config)
    except (DamagedError, KeyError, TypeError, ValueError) as error:
        told |= {"state": DAMAGED, "facts": {"damaged": str(error) or type(error).__name__}}
    if locks.is_held(folder / files.LOCK):
        told["state"] = RUNNING
    state = told.pop("state", None) or (UNFINISHED if told.get("done") else EMPTY)
    told |= {"dataset": str(config["dataset"]), "arch": str(config["arch"]), "seed": int(config["seed"])}
    changed = max((each.stat().st_mtime for each in folder.iterdir() if each.is_file()), default=0.0)
    return Held(folder, command, state=state, changed=changed, config=config, **told)
