"""A trial that is cut short goes on: where its search and its training stand, in a folder of its own.

A worker process may end at any moment, so they are written as the work goes on, and seldom: a trial of a few
seconds writes nothing.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, cast

import numpy as np

from nets_deap.problem.budget import Budget
from nets_deap.problem.problem import Problem
from nets_deap.search import going_on
from nets_deap.search.method import Found, Method
from nets_deap.training.final import TrainingRun
from nets_deap.training.standing import Kept, UnfitError
from nets_deap.util import files
from nets_deap.util.errors import DamagedError
from nets_deap.util.seldom import Seldom

SUFFIX, TRAINING = ".partial", "training.safetensors"


def place(folder: Path, name: str) -> Path:
    """The folder of a trial with this name, while it is not finished, in the folder of a comparison."""
    return folder / "trials" / f"{name}{SUFFIX}"


def search(
    own: Path, method: Method, problem: Problem, budget: Budget, rng: np.random.Generator, density: float
) -> Found:
    """What the method finds. It goes on from where it stands in `own`; if that is damaged, it begins anew.

    Raises NetsError as the method does, and for a file that cannot be read or written.
    """
    given = (problem, budget, rng, density)
    if not method.reports:
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


def train(own: Path, name: str, training: Callable[..., TrainingRun]) -> TrainingRun:
    """The result of a training. It goes on from where it stands in `own`, or begins anew, as `search` does.

    name: of this training alone; training: `train_ticket` with all that it needs
    """
    files.refuse_link(own)
    kept = Kept(own / TRAINING, name)
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


def sweep(folder: Path, finished: Callable[[], Collection[str]]) -> None:
    """Remove what is left of finished trials, whose names are asked for if anything is."""
    if left := list((folder / "trials").glob(f"*{SUFFIX}")):
        names = set(finished())
        for own in left:
            if own.name.removesuffix(SUFFIX) in names:
                drop(own)
