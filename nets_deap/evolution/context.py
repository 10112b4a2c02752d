"""What an evaluation depends on beside the genome, and who counts the generations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Context:
    """Of one evaluation.

    generation: decides the minibatches, which all genomes of one generation share
    share: of the recipe's steps that the training takes; less than 1 in the early rungs of a race
    """

    generation: int = 0
    share: float = 1.0


FIRST = Context()
_CURRENT: ContextVar[Context] = ContextVar("context of the evaluation in progress", default=FIRST)


def current() -> Context:
    """The context of the evaluation in progress: generation 0 and a full training, where no map has set one.

    So it reaches an `Evaluator` inside whatever a user registers as `toolbox.evaluate`.
    """
    return _CURRENT.get()


@contextmanager
def within(context: Context) -> Iterator[None]:
    """Evaluate in this context."""
    token = _CURRENT.set(context)
    try:
        yield
    finally:
        _CURRENT.reset(token)


@dataclass
class Clock:
    """The generation that is being made; `toolbox.clock`."""

    generation: int = 0
