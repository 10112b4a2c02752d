"""Transfer: a ticket trained by another optimiser, by an evolution strategy, or on another data set.

Lange & Sprekeler 2023, section 5, study this for tickets found by evolution strategies. The ticket is
compared with a random one of its density, and with the target's own: found by IMP if the target is an
optimiser, or by the strategy itself if it is a strategy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, cast

import numpy as np
from pydantic import BaseModel

from nets_deap.experiments import unfinished
from nets_deap.parallel.protocol import Map
from nets_deap.problem.budget import Budget
from nets_deap.problem.optimizer import OPTIMIZERS, is_optimizer
from nets_deap.problem.problem import Problem
from nets_deap.problem.ticket import Ticket
from nets_deap.search.controls import random
from nets_deap.search.es import ES, score_mean
from nets_deap.search.imp import IMP
from nets_deap.search.registry import method_of, parse
from nets_deap.search.spec import MethodSpec
from nets_deap.strategies import STRATEGIES
from nets_deap.training.final import check_ticket, to_go, train_ticket
from nets_deap.util.errors import NetsError, unknown
from nets_deap.util.random_streams import Role, generator
from nets_deap.util.schema import Number, Whole, among

Row = dict[str, Any]
TICKET, RANDOM, OWN = "the ticket", "random", "the target's own"
NAMES = (TICKET, RANDOM, OWN)


class Transferred(BaseModel):
    """The columns of transfer.csv."""

    ticket: Annotated[str, among(NAMES)]
    seed: Whole
    density: Number
    test_acc: Number


@dataclass(frozen=True)
class Target:
    """What trains the ticket, and on which data.

    problem: its recipe has the optimiser that trains; es: the strategy that trains instead, or None
    """

    problem: Problem
    es: ES | None = None

    def train(self, ticket: Ticket, seed: int, own: Path | None = None) -> dict[str, float]:
        """Validation and test accuracy after training: at early stop, or at the final mean of an ES.

        own: where a training by an optimiser stands that is cut short
        """
        if self.es is None:
            training = partial(train_ticket, ticket, self.problem, seed, track_test=False)
            told = unfinished.train(own, f"seed {seed}", training).summary()
            return {key: told[key] for key in ("val_acc", "test_acc")}
        rng = generator(seed, 0, Role.FINAL_TRAINING)
        es = self.es
        start = (ticket.weights, ticket.mask)
        strategy, searched, _ = es.train(self.problem, *start, es.gens, rng, ticket.extras)
        scores = {part: score_mean(strategy, searched, self.problem, part) for part in ("validation", "test")}
        return {"val_acc": scores["validation"].accuracy, "test_acc": scores["test"].accuracy}

    @property
    def search(self) -> IMP | ES:
        """The method by which the target finds its own ticket."""
        return IMP() if self.es is None else self.es

    def own(self, density: float, seed: int, own: Path | None = None) -> Ticket:
        """The target's own ticket of this density. own: where a search stands that is cut short"""
        given = (self.search, self.problem, Budget(), generator(seed, 0, Role.SEARCH), density)
        return unfinished.search(own, *given).ticket


def target(problem: Problem, to: str, es: str = "") -> Target:
    """The target that `to` names: an optimiser, or a strategy with the options `es` of the method es.

    Raises NetsError for any other name, or bad options.
    """
    if is_optimizer(to):
        if es:
            raise NetsError(f"`es` {es}: {to} is an optimiser, which has no such options")
        return Target(replace(problem, recipe=replace(problem.recipe, optimizer=to)))
    if to not in STRATEGIES:
        raise unknown("target", to, [*OPTIMIZERS, *STRATEGIES])
    if "+" in es or "strategy" in es:
        raise NetsError(f"`es` {es}: expected options such as pop=64,gens=300; `to` says which strategy")
    prune = "magnitude" if to == "openai-es" else "snr"
    given = dict(parse(f"es:prune={prune},{es}").options)
    method = cast(ES, method_of(MethodSpec("es").with_options(given | {"strategy": to})))
    method.check(problem, 0.5)
    return Target(problem, method)


def check(ticket: Ticket, aim: Target) -> None:
    """Raise NetsError if the ticket's network does not take the target's data, has next to no weights, or
    was rewound to a step after the end of the target's training."""
    check_ticket(aim.problem, ticket)
    if aim.es is None:
        to_go(aim.problem, ticket)
    aim.search.check(aim.problem, ticket.density)


def _item(row: Row) -> tuple[str, int]:
    return row["ticket"], row["seed"]


def _row(item: tuple[str, int], own: Path | None, ticket: Ticket, aim: Target) -> Row:
    name, seed = item
    trained = ticket
    if name == RANDOM:
        trained = random(ticket, aim.problem, generator(seed, 0, Role.CONTROLS))
    elif name == OWN:
        trained = aim.own(ticket.density, seed, own)
    return {"ticket": name, "seed": seed, "density": trained.density, **aim.train(trained, seed, own)}


def transfer(
    ticket: Ticket,
    aim: Target,
    seeds: Sequence[int],
    engine: Map,
    on_row: Callable[[Row], None] | None = None,
    known: Sequence[Row] = (),
    folder: Path | None = None,
) -> list[Row]:
    """Let the target train the ticket, a random one and its own, once for each seed.

    known: rows of an earlier call; their trainings are not repeated
    on_row: called with each row
    folder: where searches and trainings stand that are cut short, and go on from
    Returns a row for each training, with `val_acc` and `test_acc`. Raises NetsError as `check` does.
    """
    check(ticket, aim)
    items = [(name, seed) for seed in seeds for name in NAMES]
    have = {_item(row): row for row in known}
    missing = [item for item in items if item not in have]
    work = partial(_row, ticket=ticket, aim=aim)
    new = unfinished.mapped(engine, work, missing, folder, _item, on_row, have)
    have |= dict(zip(missing, new, strict=True))
    return [have[item] for item in items]


def accuracies(rows: Sequence[Row], name: str) -> np.ndarray:
    """Test accuracies of one of NAMES in %, one per seed."""
    return np.array([100 * row["test_acc"] for row in rows if row["ticket"] == name])
