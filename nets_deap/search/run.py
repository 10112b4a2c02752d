"""One search in a folder: its ticket, its logbook, and the cycles, generations or training to resume from."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

from nets_deap.config import run_folder
from nets_deap.config.run_folder import CHECKPOINT, COST, LOGBOOK, TICKET
from nets_deap.evolution.maps import make_map
from nets_deap.problem.budget import Budget
from nets_deap.problem.problem import Problem
from nets_deap.search import going_on
from nets_deap.search.config import SearchConfig
from nets_deap.search.cycles import Cycles
from nets_deap.search.learned_masks import LearnedMask
from nets_deap.search.method import Found, Method, Row
from nets_deap.search.neuroevolution import Nets
from nets_deap.search.registry import gives_ticket, method_of
from nets_deap.search.weedout import Weedout
from nets_deap.tracking import names as trackers
from nets_deap.tracking.log import tracked
from nets_deap.training.standing import Kept
from nets_deap.util import files, json_text, tables
from nets_deap.util.errors import NetsError
from nets_deap.util.random_streams import Role, generator

logger = logging.getLogger(__name__)
Searching = Callable[..., Found]


def check(config: SearchConfig, elsewhere: bool = False) -> None:
    """Raise NetsError for a method that gives no ticket, an impossible density, a budget too small, a map
    that the method cannot use, or a device that this machine lacks."""
    spec, method = config.method, method_of(config.method)
    if not gives_ticket(spec) or spec.control:
        what = "a control of a ticket" if spec.control else "a trained network, not a ticket"
        raise NetsError(f"{spec} gives {what}: a comparison has it")
    batched = config.map == "batched"
    if batched and not method.populations:
        raise NetsError(f"`map` batched is for populations of networks, which {spec.name} has none of")
    if not elsewhere:
        config.torch_device()
    if config.track_test and not method.tracks_test:
        raise NetsError(f"`track_test` has no effect on {spec.name}: leave it out")
    for name in ("workers", "scheduler"):
        if getattr(config, name) and not method.populations:
            raise NetsError(f"`{name}` has no effect on {spec.name}, which runs in one process: leave it out")
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
    populations from their last generation, what is one training from its middle; the others, which take a
    moment, begin again.

    from_cycle: continue from this cycle instead; 0 is the beginning
    on_row: called with each row of the logbook as it comes, of a method that `reports`
    on_note: called with what went another way than expected
    engine: the map for methods with populations; by default the one that the config names
    Raises NetsError as `check` does, and if the folder holds something else.
    """
    check(config, getattr(engine, "elsewhere", False))
    method, problem = method_of(config.method).tracking(config.track_test), config.problem()
    if from_cycle is not None and not method.resumable:
        raise NetsError(f"`from_cycle` goes with methods that work in cycles: {config.method} has none")
    with run_folder.held(folder), tracked(config.log, folder, config.identity()) as log:
        run_folder.claim(folder, config, "method", "a search")
        state = going_on.newest(folder, method, problem, config.density, from_cycle, on_note)
        rows = list(state.logbook) if state else []
        log.begin(rows)

        def tell(row: Row) -> None:
            rows.append(row)
            (folder / COST).unlink(missing_ok=True)  # that of an earlier end, after which this goes on
            tables.write_csv(folder / LOGBOOK, rows)
            log.rows(rows)
            logger.info("%s", tables.in_words(row))
            if on_row:
                on_row(row)

        more: dict[str, Any] = {}
        if method.reports:
            more = {"state": state, "on_state": partial(going_on.save, folder, problem), "on_row": tell}
        kept = Kept(folder / CHECKPOINT, str(config.method))
        if method.one_training:
            more = {"begun": kept.load(), "on_standing": kept.note, "due": kept.due}
        own = partial(make_map, config.map, config.workers, config.torch_device(), scheduler=config.scheduler)
        with kept, own() if method.populations and not engine else nullcontext(engine) as mapped:
            if method.populations:
                more["engine"] = mapped
            rng = generator(config.seed, 0, Role.SEARCH)
            found = cast(Searching, method)(problem, config.budget(), rng, config.density, **more)
        kept.write()
        ticket = replace(found.ticket, config=config.identity())
        tables.write_csv(folder / LOGBOOK, found.logbook)
        files.write_text(folder / COST, json_text.dumps(asdict(found.cost), indent=2) + "\n")
        log.end(found.logbook, {"density": ticket.density, **ticket.info})
        ticket.save(folder / TICKET)  # last: once it exists, the search is over
        logger.info("found a ticket of density %.6g: %s", ticket.density, tables.in_words(asdict(found.cost)))
    return Found(ticket, found.logbook, found.cost)


def length_of(method: Method, problem: Problem, density: float, budget: Budget) -> tuple[str, int]:
    """The unit in which the search says how far it is, and how many there are; 0: it does not say."""
    match method:
        case Cycles():
            return "cycle", len(method.plan(problem.layout, density))
        case Weedout():
            return "generation", method.gens
        case Nets():
            return "generation", method.settings(problem.dataset_name, density).gens
        case LearnedMask():
            return "iteration", method.steps(problem, budget)
    return "", 0
