"""One search in a folder: its ticket, its logbook, and the cycles of IMP or an ES to go on from."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from nets_deap.config import run_folder
from nets_deap.config.run_folder import COST, LOGBOOK, TICKET
from nets_deap.evolution.maps import make_map
from nets_deap.problem.budget import Cost
from nets_deap.problem.problem import Problem
from nets_deap.problem.ticket import Ticket, load_ticket
from nets_deap.search.config import SearchConfig
from nets_deap.search.cycles import Cycles, State
from nets_deap.search.es import ES
from nets_deap.search.method import Found, Row
from nets_deap.search.spec import Choice, parse
from nets_deap.search.weedout import Weedout
from nets_deap.util import files, tables
from nets_deap.util.errors import NetsError
from nets_deap.util.random_streams import Role, generator

CYCLES = "cycles"


def settle(config: SearchConfig) -> tuple[SearchConfig, Choice]:
    """The config with its method's canonical name, and the method.

    Raises NetsError for an unknown method, one that gives no ticket, a density that cannot be, or a
    budget too small.
    """
    choice = parse(config.method)
    if not choice.gives_ticket or choice.control:
        what = "a control of a ticket" if choice.control else "a trained network, not a ticket"
        raise NetsError(f"{choice.text} gives {what}: nets-deap compare has it")
    config.torch_device()  # refuses what is not there
    choice.method.check(config.problem(), config.density, config.budget())
    return config.model_copy(update={"method": choice.text}), choice


def search(
    config: SearchConfig,
    folder: Path,
    from_cycle: int | None = None,
    on_row: Callable[[Row], None] | None = None,
) -> Found:
    """Search, and write ticket, logbook and cost. IMP and ES go on from their last cycle in the folder.

    from_cycle: go on from this cycle instead, 0 being the beginning
    Raises NetsError where the folder holds something else.
    """
    config, choice = settle(config)
    problem = config.problem()
    if from_cycle is not None and not isinstance(choice.method, Cycles):
        raise NetsError(f"`from_cycle` goes with imp and es: {choice.text} has no cycles")
    with files.claimed_folder(folder), run_folder.claimed(folder, config, "method", "a search"):
        rng = generator(config.seed, 0, Role.SEARCH)
        if isinstance(choice.method, Cycles):
            start, method = _start(folder, problem, from_cycle), choice.method
            if isinstance(method, ES):
                method = replace(method, device=config.torch_device(), track_test=config.track_test)

            def on_cycle(state: State) -> None:
                _save_cycle(folder, problem, state)
                if on_row:
                    on_row(state.logbook[-1])

            found = method(problem, config.budget(), rng, config.density, start, on_cycle)
        elif isinstance(choice.method, Weedout):
            weedout = replace(choice.method, device=config.torch_device())
            with make_map(config.map, config.workers, "cpu") as engine:
                found = weedout(problem, config.budget(), rng, config.density, engine)
        else:
            found = choice.method(problem, config.budget(), rng, config.density)
        ticket = replace(found.ticket, config=config.identity())
        tables.write_csv(folder / LOGBOOK, found.logbook)
        files.write_text(folder / COST, json.dumps(asdict(found.cost), indent=2) + "\n")
        ticket.save(folder / TICKET)  # last: where it is, the search is over
    return Found(ticket, found.logbook, found.cost)


def _path(folder: Path, cycle: int) -> Path:
    return folder / CYCLES / f"cycle-{cycle:03}.safetensors"


def _save_cycle(folder: Path, problem: Problem, state: State) -> None:
    told = {
        "root": str(state.root),
        "logbook": json.dumps(state.logbook),
        "cost": json.dumps(asdict(state.cost)),
    }
    ticket = Ticket(state.rewound, state.mask, problem.architecture, {}, told, state.extras)
    ticket.save(_path(folder, state.cycle))


def _start(folder: Path, problem: Problem, cycle: int | None) -> State | None:
    """Where to go on from; None: the beginning."""
    saved = sorted((folder / CYCLES).glob("cycle-*.safetensors"))
    if cycle is None:
        cycle = int(saved[-1].stem.removeprefix("cycle-")) if saved else 0
    if cycle and not _path(folder, cycle).exists():
        raise NetsError(f"{folder} has no cycle {cycle} to go on from")
    for path in saved:
        if int(path.stem.removeprefix("cycle-")) > cycle:
            path.unlink()  # it comes after, and is made anew
    if cycle == 0:
        return None
    ticket = load_ticket(_path(folder, cycle))
    info = ticket.info
    cost = Cost(**json.loads(info["cost"]))
    logbook = json.loads(info["logbook"])
    return State(cycle, ticket.weights, ticket.mask, int(info["root"]), logbook, cost, ticket.extras)
