"""Find a ticket in one call."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from nets_deap.evolution.maps import make_map
from nets_deap.front.configured import GivenSearch, configured
from nets_deap.front.problems import expect, given_problem
from nets_deap.front.progress import progress
from nets_deap.models.measure import Measure
from nets_deap.problem.budget import UNLIMITED, Budget
from nets_deap.problem.ticket import Ticket
from nets_deap.search import run
from nets_deap.search.registry import gives_ticket, method_of, parse
from nets_deap.search.spec import MethodSpec
from nets_deap.util import journal
from nets_deap.util.devices import of_a_run
from nets_deap.util.errors import NetsError, warn_once
from nets_deap.util.random_streams import Role, generator


def find_ticket(
    model: Any,
    data: Any = None,
    density: float = 0.05,
    method: str = "nets",
    *,
    budget: Budget | int | None = None,
    seed: int = 1,
    map: str | Callable[..., Any] = "serial",
    workers: int | None = None,
    scheduler: str | None = None,
    out: str | Path | None = None,
    show: bool = True,
    **problem: Any,
) -> Ticket:
    """A sparse initialisation of a network that trains as well as the dense one, as far as the method can.

    model, data: as in `problem_of`, which also takes loss, metric, recipe, init, prunable, validation and
        device
    density: share of the prunable weights that stays
    method: as on the command line, for example "nets", "imp:scope=global", "snip", "synflow"
    budget: a `Budget`, or the most gradient steps that the search may take
    map: serial, multiprocess, dask or batched, or a map of your own; for methods that evaluate populations
    scheduler: of a Dask cluster, see `DaskMap`
    out: a folder for config, logbook, ticket and cost, as on the command line; the same call goes on in it
        after an interruption, from the last generation of nets and weedout or cycle of imp and es, or from
        the middle of what trains scores (edge-popup, gem-miner, cts), and gives the ticket that it would have
        given uninterrupted; other methods, which take a moment, begin again
    show: a progress bar on stderr

    The ticket has what the search has recorded in `logbook`, and what it cost in `cost`. Ctrl-C ends it.
    Raises NetsError, in one line, for bad input, and for an `out` that holds another search.
    """
    given = given_problem(model, data, problem)
    expect("method", method, "the name of a method", str, functions=False)
    expect("budget", budget, "a Budget, or the most gradient steps", Budget, Integral, functions=False)
    spec = parse(method)
    if not gives_ticket(spec) or spec.control:
        raise NetsError(f"{spec} gives no ticket of its own: take another method")
    if not isinstance(density, Real):
        raise NetsError(f"`density` {density!r}: expected a number")
    if not isinstance(seed, Integral) or seed < 0:
        raise NetsError(f"`seed` {seed!r}: expected a whole number from 0 on")
    if not 0 < density <= 1:
        raise NetsError(f"`density` {density:g}: expected a share above 0, and 1 at most")
    limit = Budget(int(budget)) if isinstance(budget, Integral) else budget or UNLIMITED
    searching = method_of(spec)
    searching.check(given, density, limit)
    if callable(map):
        mapped = nullcontext(map)
    else:
        mapped = make_map(map, workers, of_a_run(given.device, scheduler), scheduler=scheduler)
    title, length = f"{spec} at {density:.1%}", run.length_of(searching, given, density, limit)[1]
    measure = Measure(str(given.architecture.criterion.metric))
    with mapped as engine, progress(title, show, length, measure) as tell:
        if out is not None:
            config = configured(GivenSearch, given, _fields(spec, density, seed, limit))
            with journal.kept(f"find_ticket: {spec} at {density:g}, seed {seed}"):
                found = run.search(config, Path(out), None, tell, warn_once, engine)
            return replace(found.ticket, logbook=found.logbook, cost=found.cost)
        more: dict[str, Any] = {}
        if searching.populations:
            more["engine"] = engine
        if searching.reports:
            more["on_row"] = tell
        found = searching(given, limit, generator(seed, 0, Role.SEARCH), density, **more)
    settings = found.ticket.config or (given.fields() | {"seed": seed})
    return replace(found.ticket, config=settings, logbook=found.logbook, cost=found.cost)


def _fields(spec: MethodSpec, density: float, seed: int, budget: Budget) -> dict[str, Any]:
    """The fields of the config of a search, besides its problem."""
    return {
        "method": spec,
        "density": float(density),
        "seed": int(seed),
        "budget_steps": budget.gradient_steps,
        "budget_samples": budget.samples,
        "budget_passes": budget.forward_passes,
        "budget_seconds": budget.seconds,
        "map": "serial",
    }
