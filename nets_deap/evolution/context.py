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
    """

    generation: int = 0
    share: float = 1.0
    seed: int = 0


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
    """`toolbox.clock`: the number of the current generation."""

    generation: int = 0
