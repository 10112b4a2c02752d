"""What an evaluation depends on besides the genome, and the counter of generations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Context:
    """The context of one evaluation.

    generation: decides the minibatches, which all genomes of one generation share
    share: share of the recipe's steps that the training takes; less than 1 in the early rungs of a race
    seed: of the run, for a function of the user's own that draws from global random streams
    planned: the density that is planned for all genomes of the generation; None: no plan
    """

    generation: int = 0
    share: float = 1.0
    seed: int = 0
    planned: float | None = None


FIRST = Context()
_CURRENT: ContextVar[Context] = ContextVar("context of the evaluation in progress", default=FIRST)


def current() -> Context:
    """The context of the evaluation in progress; generation 0 and a full training if no map has set one.

    This way it reaches an `Evaluator` inside any function that a user registers as `toolbox.evaluate`.
    """
    return _CURRENT.get()


@contextmanager
def within(context: Context) -> Iterator[None]:
    """Make this the current context within a `with` block."""
    token = _CURRENT.set(context)
    try:
        yield
    finally:
        _CURRENT.reset(token)


@dataclass
class Clock:
    """`toolbox.clock`: the number of the current generation.

    A call of the map with genomes ends a generation. One without may be the start of an algorithm of DEAP's
    with an evaluated population, or end a generation in which no child was new. It is the latter

    bred: if `toolbox.select` has just chosen as many parents as there are, as in eaSimple; or
    idle: if such a call is followed by a selection of survivors, as in eaMuPlusLambda
    """

    generation: int = 0
    bred: bool = False
    idle: bool = False
