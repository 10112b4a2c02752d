"""What is cut short goes on: where the search and the training of a trial stand, in a folder of its own.

A worker process may end at any moment, so they are written as the work goes on, and seldom: a trial of a few
seconds writes nothing. The trainings of other experiments are like trials.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import numpy as np

from nets_deap.parallel.protocol import Item, Map, Result
from nets_deap.problem.budget import Budget
from nets_deap.problem.problem import Problem
from nets_deap.search import going_on
from nets_deap.search.method import Found, Method
from nets_deap.training.final import TrainingRun
from nets_deap.training.standing import Kept, UnfitError
from nets_deap.util import files
from nets_deap.util.errors import DamagedError
from nets_deap.util.seldom import Seldom

SUFFIX, SEARCH, TRAINING = ".partial", "search.safetensors", "training.safetensors"

Trained = TypeVar("Trained")


def place(folder: Path, name: str) -> Path:
    """The folder of a trial with this name, while it is not finished, in the folder of an experiment."""
    return folder / "trials" / f"{name}{SUFFIX}"


def search(
    own: Path | None,
    method: Method,
    problem: Problem,
    budget: Budget,
    rng: np.random.Generator,
    density: float,
) -> Found:
    """What the method finds. It goes on from where it stands in `own`; if that is damaged, it begins anew.

    own: None: nothing is saved
    Raises NetsError as the method does, and for a file that cannot be read or written.
    """
    given = (problem, budget, rng, density)
    if own is not None and method.one_training:
        searching = cast(Callable[..., Found], method)
        return _train(
            own / SEARCH,
            own.name,
            lambda **more: searching(problem, budget, deepcopy(rng), density, **more),
        )
    if own is None or not method.reports:
        return method(*given)
    files.refuse_link(own)
    try:
        begun = going_on.newest(own, method, problem, density)
    except DamagedError:
        begun = None
    seldom = Seldom()

    def on_state(state: going_on.State) -> None:
        if seldom.due():
            with seldom.writing():
                going_on.save(own, problem, state, alone=True)

    more: dict[str, Any] = {"state": begun, "on_state": on_state}
    return cast(Callable[..., Found], method)(*given, **more)


def train(own: Path | None, name: str, training: Callable[..., TrainingRun]) -> TrainingRun:
    """The result of a training. It goes on from where it stands in `own`, or begins anew, as `search` does.

    name: of this training alone; training: `train_ticket` with all that it needs
    """
    return training() if own is None else _train(own / TRAINING, name, training)


def _train(path: Path, name: str, training: Callable[..., Trained]) -> Trained:
    files.refuse_link(path.parent)
    kept = Kept(path, name)
    try:
        begun = kept.load()
    except DamagedError:
        begun = None
    saved = {"on_standing": kept.note, "due": kept.due}
    try:
        return training(begun=begun, **saved)
    except UnfitError:  # the rest of the comparison need not know on which machine it began
        return training(**saved)


def drop(own: Path) -> None:
    """Remove the folder of a trial that is finished."""
    files.refuse_link(own)
    shutil.rmtree(own, ignore_errors=True)


def sweep(folder: Path, finished: Callable[[], Iterable[str]]) -> None:
    """Remove what is left of finished trials, whose names are asked for if anything is."""
    if left := list((folder / "trials").glob(f"*{SUFFIX}")):
        names = set(finished())
        for own in left:
            if own.name.removesuffix(SUFFIX) in names:
                drop(own)


@dataclass(frozen=True)
class _InPlace(Generic[Item, Result]):
    """Runs in the worker."""

    function: Callable[[Item, Path | None], Result]
    folder: Path | None

    def __call__(self, item: Item) -> Result:
        return self.function(item, None if self.folder is None else place(self.folder, _name(item)))


def _name(item: object) -> str:
    return re.sub(r"\W+", "-", str(item)).strip("-")


def mapped(
    engine: Map,
    function: Callable[[Item, Path | None], Result],
    items: Sequence[Item],
    folder: Path | None,
    of: Callable[[Result], Item],
    tell: Callable[[Result], None] | None = None,
    known: Iterable[Item] = (),
) -> list[Result]:
    """`engine` over `function(item, own)`, where `own` is the item's folder, for `search` and `train`.

    folder: of the experiment; None: nothing is saved, nor where the work is done elsewhere
    of: the item of a result
    tell: called with each result, and saves it; then the folder of its item is removed
    known: items whose results are saved already
    """
    if folder is None or engine.elsewhere:
        return engine(_InPlace(function, None), items, tell)
    sweep(folder, lambda: map(_name, known))

    def done(result: Result) -> None:
        if tell:
            tell(result)
        drop(place(folder, _name(of(result))))

    return engine(_InPlace(function, folder), items, done)
