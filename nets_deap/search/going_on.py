"""Where a search that `reports` stands in a folder, to go on from: after a cycle, or after a generation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nets_deap.evolution import checkpoint
from nets_deap.problem.problem import Problem
from nets_deap.search import cycle_files, cycles, generations
from nets_deap.search.method import Method

State = cycles.State | checkpoint.State


def newest(
    folder: Path,
    method: Method,
    problem: Problem,
    density: float,
    cycle: int | None = None,
    on_note: Callable[[str], None] | None = None,
) -> State | None:
    """The state to continue from; None: start from the beginning.

    cycle: which one, of a method that is `resumable`; by default the last one
    on_note: called if that is not the newest one, which is damaged
    Raises DamagedError if no file is whole, NetsError for one that cannot be read or is of another network.
    """
    if method.resumable:
        return cycle_files.newest(folder, problem, cycle, on_note)
    return generations.newest(folder, method, problem, density, on_note) if method.populations else None


def save(folder: Path, problem: Problem, state: State, alone: bool = False) -> None:
    """Write it. alone: without the cycles before, which nobody will begin from"""
    if isinstance(state, cycles.State):
        cycle_files.save(folder, problem, state)
        if alone:
            cycle_files.leave_only(folder, state.cycle)
    else:
        generations.save(folder, state)


def exists(folder: Path) -> bool:
    """Is there a cycle, a generation or the middle of a training to go on from?"""
    return any((folder / cycle_files.CYCLES).glob("*")) or checkpoint.exists(folder)
