"""The generations of a search with populations in a folder, to go on from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nets_deap.config.run_folder import CHECKPOINT, PREVIOUS
from nets_deap.evolution import checkpoint
from nets_deap.evolution.checkpoint import State
from nets_deap.individuals.evaluation import MinimisedFitness, ParetoFitness
from nets_deap.problem.problem import Problem
from nets_deap.search.method import Method
from nets_deap.search.neuroevolution import Nets
from nets_deap.util import files

COLUMNS = ("nevals", "elapsed_s", "val_acc_best")  # of the logbook of weedout


def newest(
    folder: Path,
    method: Method,
    problem: Problem,
    density: float,
    on_note: Callable[[str], None] | None = None,
) -> State | None:
    """The state after the last generation in a folder; None if there is none yet.

    on_note: called if that is not the newest one, which is damaged. Raises NetsError as
    `checkpoint.load_newest` does.
    """
    if not checkpoint.exists(folder):
        return None
    if isinstance(method, Nets):
        two = method.settings(problem.dataset_name, density).objectives == 2
        state, note = checkpoint.load_newest(folder, ParetoFitness if two else MinimisedFitness)
    else:
        state, note = checkpoint.load_newest(folder, MinimisedFitness, COLUMNS)
    if note:  # the next save keeps what is there, which must not be the damaged one
        files.keep(folder / PREVIOUS, folder / CHECKPOINT)
        if on_note:
            on_note(note)
    return state


def save(folder: Path, state: State) -> None:
    checkpoint.save_state(folder / CHECKPOINT, state)
