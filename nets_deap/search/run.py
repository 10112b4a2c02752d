"""One search in a folder: its ticket, its logbook, and the cycles or generations to resume from."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

from nets_deap.config import run_folder
from nets_deap.config.run_folder import COST, LOGBOOK, TICKET
from nets_deap.evolution.maps import make_map
from nets_deap.problem.budget import Cost
from nets_deap.problem.problem import Problem
from nets_deap.problem.ticket import Ticket, load_ticket
from nets_deap.search import generations
from nets_deap.search.config import SearchConfig
from nets_deap.search.cycles import Cycles, State
from nets_deap.search.method import Found, Method, Row
from nets_deap.search.neuroevolution import Nets
from nets_deap.search.registry import gives_ticket, method_of
from nets_deap.search.weedout import Weedout
from nets_deap.tracking import names as trackers
from nets_deap.tracking.log import tracked
from nets_deap.training.final import check_ticket
from nets_deap.util import files, json_text, tables
from nets_deap.util.errors import DamagedError, NetsError
from nets_deap.util.random_streams import Role, generator
from nets_deap.util.schema import Cells, Whole, checked

CYCLES = "cycles"
logger = logging.getLogger(__name__)
NAME = re.compile(r"cycle-(\d{3,9})\.safetensors")


def check(config: SearchConfig) -> None:
    """Raise NetsError for a method that gives no ticket, an impossible density, a budget too small, a map
    that the method cannot use, or a device that it cannot use or that this machine lacks."""
    spec, method = config.method, method_of(config.method)
    if not gives_ticket(spec) or spec.control:
        what = "a control of a ticket" if spec.control else "a trained network, not a ticket"
        raise NetsError(f"{spec} gives {what}: a comparison has it")
    batched = config.map == "batched"
    if batched and not method.populations:
        raise NetsError(f"`map` batched is for populations of networks, which {spec.name} has none of")
    if config.device != "cpu" and not (batched or method.on_device):
        raise NetsError(
            f"`device` {config.device}: {spec.name} runs on the CPU; a GPU serves es, and the map batched of "
            "evolutions and weedout"
        )
    if config.track_test and not method.tracks_test:
        raise NetsError(f"`track_test` has no effect on {spec.name}: leave it out")
    for name in ("workers", "scheduler"):
        if getattr(config, name) and not method.populations:
            raise NetsError(f"`{name}` has no effect on {spec.name}, which runs in one process: leave it out")
    config.torch_device()
    trackers.check(config.log)
    method.check(config.problem(), config.density, config.budget())


def search(
    config: SearchConfig,
    folder: Path,
    from_cycle: int | None = None,
    on_row: Callable[[Row], None] | None = None,
    on_note: Callable[[str], None] | None = None,
    engine: Callable[..., Any] | None = None,
) -> Found:
    """Search, and write ticket, logbook and cost. IMP and ES continue from their last cycle in the folder,
    evolutions from their last generation; the others begin again.

    from_cycle: continue from this cycle instead; 0 is the beginning
    on_row: called with each row of the logbook as it comes, of a method that `reports`
    on_note: called with what went another way than expected
    engine: the map for methods with populations; by default the one that the config names
    Raises NetsError as `check` does, and if the folder holds something else.
    """
    check(config)
    method, problem = method_of(config.method).tracking(config.track_test), config.problem()
    if from_cycle is not None and not method.resumable:
        raise NetsError(f"`from_cycle` goes with methods that work in cycles: {config.method} has none")
    if "device" in method.fixed:
        method = replace(method, device=config.torch_device())  # type: ignore[type-var]
    with run_folder.held(folder), tracked(config.log, folder, config.identity()) as log:
        run_folder.claim(folder, config, "method", "a search")
        start = _start(folder, problem, from_cycle, on_note) if method.resumable else None
        born = None
        if isinstance(method, Nets):
            settings = method.settings(problem.dataset_name, config.density)
            born = generations.newest(folder, settings, on_note)

        state = start or born
        rows = list(state.logbook) if state else []
        log.begin(rows)

        def tell(row: Row) -> None:
            rows.append(row)
            if method.resumable or isinstance(method, Nets):
                (folder / COST).unlink(missing_ok=True)  # that of an earlier end, after which this goes on
                tables.write_csv(folder / LOGBOOK, rows)
            log.rows(rows)
            logger.info("%s", tables.in_words(row))
            if on_row:
                on_row(row)

        def on_cycle(state: State) -> None:
            _save_cycle(folder, problem, state)
            tell(state.logbook[-1])

        given = (problem, config.budget(), generator(config.seed, 0, Role.SEARCH), config.density)
        if method.resumable:
            found = cast(Cycles, method)(*given, start, on_cycle)
        elif method.populations:
            more: dict[str, Any] = {"on_row": tell}
            if isinstance(method, Nets):
                more |= {"state": born, "on_state": partial(generations.save, folder)}
            own = partial(make_map, config.map, config.workers, scheduler=config.scheduler)
            with nullcontext(engine) if engine else own() as mapped:
                found = cast(Weedout, method)(*given, engine=mapped, **more)
        else:
            found = method(*given)
        ticket = replace(found.ticket, config=config.identity())
        tables.write_csv(folder / LOGBOOK, found.logbook)
        files.write_text(folder / COST, json_text.dumps(asdict(found.cost), indent=2) + "\n")
        log.end(found.logbook, {"density": ticket.density, **ticket.info})
        ticket.save(folder / TICKET)  # last: once it exists, the search is over
        logger.info("found a ticket of density %.6g: %s", ticket.density, tables.in_words(asdict(found.cost)))
    return Found(ticket, found.logbook, found.cost)


def rows_of(method: Method, problem: Problem, density: float) -> int:
    """Of how many cycles or generations the search tells, by `on_row`; 0: of none."""
    match method:
        case Cycles():
            return len(method.plan(problem.layout, density))
        case Weedout():
            return method.gens
        case Nets():
            return method.settings(problem.dataset_name, density).gens
    return 0


def _path(folder: Path, cycle: int) -> Path:
    return folder / CYCLES / f"cycle-{cycle:03}.safetensors"


def _save_cycle(folder: Path, problem: Problem, state: State) -> None:
    told = {
        "root": str(state.root),
        "logbook": json_text.kept(state.logbook),
        "cost": json_text.kept(asdict(state.cost)),
    }
    ticket = Ticket(state.rewound, state.mask, problem.architecture, {}, told, state.extras)
    ticket.save(_path(folder, state.cycle))


def _start(
    folder: Path, problem: Problem, cycle: int | None, on_note: Callable[[str], None] | None = None
) -> State | None:
    """The state to continue from; None: start from the beginning.

    cycle: None: the last one. If that is damaged, it is the one before.
    """
    found = ((NAME.fullmatch(path.name), path) for path in (folder / CYCLES).glob("cycle-*"))
    saved = sorted((int(match[1]), path) for match, path in found if match)
    if cycle and cycle not in dict(saved):
        raise NetsError(f"{folder} has no cycle {cycle} to continue from")
    state, upto = None, len(saved) if cycle is None else sum(number <= cycle for number, _ in saved)
    for number, path in reversed(saved[:upto]):
        try:
            state = _load_cycle(path, number, problem)
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


def _load_cycle(path: Path, cycle: int, problem: Problem) -> State:
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
