"""The cycles of a search in its folder, to go on from: a file for each."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from nets_deap.problem.budget import Cost
from nets_deap.problem.problem import Problem
from nets_deap.problem.ticket import Ticket, load_ticket
from nets_deap.search.cycles import State
from nets_deap.search.method import Row
from nets_deap.training.final import check_ticket
from nets_deap.util import files, json_text
from nets_deap.util.errors import DamagedError, NetsError
from nets_deap.util.schema import Cells, Whole, checked

CYCLES = "cycles"
NAME = re.compile(r"cycle-(\d{3,9})\.safetensors")


def path_of(folder: Path, cycle: int) -> Path:
    return folder / CYCLES / f"cycle-{cycle:03}.safetensors"


def save(folder: Path, problem: Problem, state: State) -> None:
    """Write the file of the state's cycle."""
    told = {
        "root": str(state.root),
        "logbook": json_text.kept(state.logbook),
        "cost": json_text.kept(asdict(state.cost)),
    }
    ticket = Ticket(state.rewound, state.mask, problem.architecture, {}, told, state.extras)
    ticket.save(path_of(folder, state.cycle))


def leave_only(folder: Path, cycle: int) -> None:
    """Remove the files of all other cycles."""
    only = path_of(folder, cycle)
    for path in (folder / CYCLES).glob("cycle-*.safetensors"):
        if path != only:
            path.unlink()


def newest(
    folder: Path, problem: Problem, cycle: int | None, on_note: Callable[[str], None] | None = None
) -> State | None:
    """The state to continue from; None: start from the beginning.

    cycle: None: the last one. If that is damaged, it is the one before. Files of later ones are removed.
    """
    found = ((NAME.fullmatch(path.name), path) for path in (folder / CYCLES).glob("cycle-*"))
    saved = sorted((int(match[1]), path) for match, path in found if match)
    if cycle and cycle not in dict(saved):
        raise NetsError(f"{folder} has no cycle {cycle} to continue from")
    state, upto = None, len(saved) if cycle is None else sum(number <= cycle for number, _ in saved)
    for number, path in reversed(saved[:upto]):
        try:
            state = _load(path, number, problem)
            break
        except DamagedError as error:
            if cycle is not None:
                raise
            if on_note:
                on_note(f"{error}: continuing from the one before")
    if saved and state is None and cycle is None:
        raise DamagedError(f"no cycle in {folder} is whole: add `from_cycle` 0 to start from the beginning")
    files.refuse_link(folder / CYCLES)
    for number, path in saved:
        if number > (state.cycle if state else 0):
            path.unlink()  # a later cycle, which runs again
    return state


def _load(path: Path, cycle: int, problem: Problem) -> State:
    """The state after a cycle. Raises NetsError for a file that cannot be read, DamagedError for another."""
    ticket, what = load_ticket(path), f"cycle {path}"
    check_ticket(problem, ticket)
    told = {key: files.parsed(str(ticket.info.get(key, "")), what) for key in ("root", "logbook", "cost")}
    root = checked(Whole, told["root"], what)
    logbook: list[Row] = [
        dict(row) for row in checked(list[Cells], json_text.restored(told["logbook"]), what)
    ]
    if [row.get("cycle") for row in logbook] != list(range(1, cycle + 1)):
        raise DamagedError(f"{what} is damaged: its logbook is that of another cycle")
    cost = Cost.read(told["cost"], what)
    return State(cycle, ticket.weights, ticket.mask, root, logbook, cost, ticket.extras)
