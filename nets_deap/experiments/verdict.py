"""Is a ticket a winning one? A verdict by the NeTS paper's Definition 3, over seeds and with controls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel

from nets_deap.experiments import unfinished
from nets_deap.experiments.more_seeds import seeds_to_decide
from nets_deap.parallel.protocol import Map
from nets_deap.problem.problem import Problem
from nets_deap.problem.ticket import Ticket
from nets_deap.search.controls import CONTROLS
from nets_deap.training.final import check_ticket, train_ticket
from nets_deap.util.checksums import crc32
from nets_deap.util.errors import NetsError
from nets_deap.util.random_streams import Role, generator
from nets_deap.util.schema import Number, Whole, among
from nets_deap.util.statistics import Paired, paired_difference

TICKET, DENSE = "ticket", "dense"
CONTROLS_BESIDE = ("random", "reinit", "shuffle", "scale-matched")  # those that cost one training each
NETWORKS = (DENSE, TICKET, *CONTROLS_BESIDE)
ROWS = "verify.csv"
AT_MOST = 0.5  # largest density that counts as "much smaller"; Definition 3 gives no number
WINNING, NOT_WINNING = "a winning ticket", "not a winning ticket"
Row = dict[str, Any]


class Trained(BaseModel):
    """The columns of verify.csv that a verdict needs."""

    network: Annotated[str, among(NETWORKS)]
    seed: Whole
    density: Number
    early_stop_iteration: Number
    val_loss: Number
    test_acc: Number


@dataclass(frozen=True)
class Verdict:
    """The verdict on a ticket from its trainings with several seeds.

    later: early-stop iteration of the ticket minus that of the dense network, j′ − j
    better: test accuracy at early stop, ticket minus dense network, a′ − a, in points; turned
        round for a metric of which less is better
    density: |M|₁ / |θ|
    seeds: number of trainings behind the intervals; 1 if all are the same, as on full batches
    margin: points of accuracy by which a winning ticket may fall short; at_most: its largest density
    unfinished: with some seed, both networks were still improving when the training ended
    learnt: the dense network is better than always predicting the commonest class, or the mean
    beside: test accuracy at early stop, ticket minus each other network, like `better`
    """

    later: Paired
    better: Paired
    density: float
    seeds: int
    margin: float
    at_most: float
    unfinished: bool
    learnt: bool
    beside: Mapping[str, Paired] = field(default_factory=dict)

    @property
    def conditions(self) -> dict[str, bool | None]:
        """Each condition: True or False if the whole 95 % interval agrees, else None."""
        fast = _decided(-self.later.mean, self.later.half_width)
        return {
            "trains as fast": None if self.unfinished and fast else fast,
            "is as accurate": _decided(self.better.mean + self.margin, self.better.half_width),
            "is much smaller": self.density <= self.at_most,
        }

    @property
    def winning(self) -> bool | None:
        """None if it is undecided."""
        held = self.conditions.values()
        if not self.learnt:
            return None
        return False if False in held else None if None in held else True

    @property
    def enough_seeds(self) -> int | None:
        """How many seeds would probably decide an undecided verdict; None if no number of them would."""
        if self.winning is not None or not self.learnt or self.unfinished or self.seeds == 1:
            return None
        fast, accurate, _ = self.conditions.values()
        near = [(self.better.mean + self.margin, self.better.half_width)] * (accurate is None)
        near += [(self.later.mean, self.later.half_width)] * (fast is None)
        counts = [seeds_to_decide(*told, self.seeds) for told in near]
        return None if None in counts else max(count for count in counts if count)

    @property
    def text(self) -> str:
        """The verdict in words."""
        if not self.learnt:
            return "undecided: the dense network has learnt nothing"
        if self.winning is not None:
            return WINNING if self.winning else NOT_WINNING
        trainings = "one training" if self.seeds == 1 else f"{self.seeds} seeds"
        still = ", both still learning when the training ends: try a longer one" if self.unfinished else ""
        return f"undecided with {trainings}{still}"


def _decided(mean: float, half_width: float) -> bool | None:
    """Is a quantity at least 0? None if its interval does not decide."""
    if mean - half_width >= 0:
        return True
    return False if mean + half_width < 0 else None


def _network(name: str, ticket: Ticket, problem: Problem, seed: int) -> Ticket:
    if name == TICKET:
        return ticket
    return CONTROLS[name](ticket, problem, generator(seed, 0, Role.CONTROLS))


def _item(row: Row) -> tuple[str, int]:
    return row["network"], row["seed"]


def _trained(
    item: tuple[str, int], own: Path | None, ticket: Ticket, problem: Problem, eval_every: int
) -> Row:
    name, seed = item
    network = _network(name, ticket, problem, seed)
    training = partial(train_ticket, network, problem, seed, eval_every, track_test=False)
    run = unfinished.train(own, f"{name}, seed {seed}", training)
    return {"network": name, "seed": seed, **run.summary()}


def check(ticket: Ticket, problem: Problem) -> None:
    """Raise NetsError for a ticket of another network or without initial weights, or a recipe of no step."""
    check_ticket(problem, ticket)
    if not problem.recipe.trains:
        raise NetsError("`epochs` 0: Definition 3 is of networks that are trained, for 1 epoch or more")
    if k := ticket.info.get("rewind", 0):
        raise NetsError(
            f"the ticket's weights are those of step {k} of a training: Definition 3 is of initial weights "
            "(rewind=0)"
        )
    if ticket.info.get("trained"):
        raise NetsError(
            f"the ticket's weights are trained ones, of {ticket.info.get('method')}: Definition 3 is of "
            "initial weights"
        )


def verify(
    ticket: Ticket,
    problem: Problem,
    seeds: list[int],
    engine: Map,
    eval_every: int = 0,
    margin: float = 0.0,
    at_most: float = AT_MOST,
    on_row: Callable[[Row], None] | None = None,
    known: Sequence[Row] = (),
    folder: Path | None = None,
) -> tuple[Verdict, list[Row]]:
    """Train the dense network, the ticket and its controls in the same way, seed by seed, and judge.

    A seed decides the order of the minibatches and the random numbers of the controls; dense network and
    ticket have the same θ₀.
    margin, at_most: as in `Verdict`; known: rows of an earlier call; their trainings are not repeated
    on_row: called with each row; folder: where trainings stand that are cut short, and go on from
    Raises ValueError for fewer than two seeds, which have no interval, and NetsError as `check` does.
    """
    if len(seeds) < 2:
        raise ValueError("a verdict needs two seeds or more")
    check(ticket, problem)
    items = [(name, seed) for seed in seeds for name in NETWORKS]
    have = {_item(row): row for row in known}
    work = partial(_trained, ticket=ticket, problem=problem, eval_every=eval_every)
    new = [item for item in items if item not in have]
    trained = unfinished.mapped(engine, work, new, folder, _item, on_row, have)
    have |= dict(zip(new, trained, strict=True))
    rows = [have[item] for item in items]
    return judge(rows, problem, ticket.density, margin, at_most), rows


def content(ticket: Ticket, problem: Problem) -> str:
    """A checksum of the ticket and the data, since a verdict depends on both."""
    return crc32(*ticket.content(), problem.data.checksum.encode())


def order(row: Row) -> tuple[int, int]:
    """Sort key of the rows in verify.csv: seed by seed, with the networks as in NETWORKS."""
    return row["seed"], NETWORKS.index(row["network"])


def judge(
    rows: list[Row], problem: Problem, density: float, margin: float = 0.0, at_most: float = AT_MOST
) -> Verdict:
    """The verdict on the rows of `verify`."""
    of = {
        name: {r["seed"]: r for r in rows if r["network"] == name}
        for name in dict.fromkeys(row["network"] for row in rows)
    }
    ours, dense = of[TICKET], of[DENSE]

    def difference(key: str, scale: float = 1, other: str = DENSE) -> Paired:
        return paired_difference(*([scale * part[seed][key] for seed in ours] for part in (ours, of[other])))

    metric = problem.architecture.criterion.metric
    greater = 100 if metric.greatest else -100
    later, better = difference("early_stop_iteration"), difference("test_acc", greater)
    available, recipe = len(problem.data.train.y), problem.recipe
    last = recipe.steps(available)
    unfinished = any(min(part[s]["early_stop_iteration"] for part in (ours, dense)) == last for s in ours)
    least = metric.of_no_knowledge(problem.data.test.y)
    learnt = all(
        np.isfinite(row["val_loss"]) and (least is None or row["test_acc"] > least + 1e-9)
        for row in dense.values()
    )
    alike = recipe.samples(available) == available and recipe.steps_per_epoch(available) == 1
    beside = {name: difference("test_acc", greater, name) for name in of if name != TICKET}
    return Verdict(
        later, better, density, 1 if alike else len(ours), margin, at_most, unfinished, learnt, beside
    )
