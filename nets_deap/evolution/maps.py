"""DEAP's `toolbox.map`: it brings evaluations back, trains equal genomes only once, and runs races."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from nets_deap.evolution.context import FIRST, Clock, Context, within
from nets_deap.evolution.evaluator import Evaluator
from nets_deap.evolution.racing import Race
from nets_deap.individuals.evaluation import Evaluation
from nets_deap.individuals.genome import Genome
from nets_deap.parallel import choice
from nets_deap.parallel.processes import MultiprocessMap
from nets_deap.parallel.serial import SerialMap

Engine = Callable[..., Iterable[Any]]  # map(function, items), results in the order of the items


@dataclass(frozen=True)
class Measure:
    """Runs in the worker; returns DEAP's fitness values and the evaluation that the call has stored."""

    function: Callable[[Genome], Any]
    context: Context

    def __call__(self, genome: Genome) -> tuple[Any, Evaluation | None]:
        genome.measured = None
        with within(self.context):
            return self.function(genome), genome.measured


class BatchedMap(SerialMap):
    """Evaluates all genomes at once, as stacked tensors on the evaluator's device.

    It is for a GPU; on a CPU it computes in one thread and takes as long as `SerialMap`. It stacks genomes
    only for an `Evaluator`, bare or registered in a toolbox. Any other function, a user's own or a decorated
    one, is called with one genome after another.
    """

    @staticmethod
    def evaluator(function: Callable[..., Any]) -> Evaluator | None:
        """The `Evaluator` inside the `partial` that DEAP makes of it; None for any other function."""
        while isinstance(function, partial) and not (function.args or function.keywords):
            function = function.func
        # A subclass may evaluate in a way of its own.
        return function if type(function) is Evaluator else None


def map_genomes(
    engine: Engine,
    function: Callable[[Genome], Any],
    genomes: Iterable[Genome],
    context: Context = FIRST,
) -> list[Any]:
    """DEAP's `toolbox.map`: returns the fitness values, and each genome keeps its evaluation.

    engine: one of nets_deap's maps, or any `map(function, items)` that keeps the order, such as `Pool.map`
    context: the context of all these evaluations

    The state of Python's `random` is restored, so that evaluations do not disturb DEAP's selection.
    """
    genomes = list(genomes)
    stacked = engine.evaluator(function) if isinstance(engine, BatchedMap) else None
    state = random.getstate()
    try:
        if stacked:
            results = [(told.values, told) for told in stacked.evaluate_all(genomes, context)]
        else:
            results = list(engine(Measure(function, context), genomes))
    finally:
        random.setstate(state)
    for genome, (_, measured) in zip(genomes, results, strict=True):
        genome.measured = measured
    return [values for values, _ in results]


class EvaluationMap:
    """The map that `make_toolbox` registers as `toolbox.map`.

    gradient_steps: gradient steps of each training so far
    counts: whether every call ends a generation and advances the clock, as DEAP's algorithms need; an
        `Evolution` switches this off and sets the clock itself
    """

    def __init__(self, engine: Engine, race: Race, clock: Clock) -> None:
        self.engine, self.race, self.clock = engine, race, clock
        self.gradient_steps: list[int] = []
        self.counts = True

    def __call__(self, function: Callable[[Genome], Any], genomes: Iterable[Genome]) -> list[Any]:
        genomes = list(genomes)
        contents = [genome.content() for genome in genomes]
        first: dict[bytes, Genome] = {}
        for genome, content in zip(genomes, contents, strict=True):
            first.setdefault(content, genome)
        values = dict(zip(first, self._raced(function, list(first.values())), strict=True))
        for genome, content in zip(genomes, contents, strict=True):
            genome.measured = first[content].measured
        self.clock.generation += self.counts and bool(genomes)
        return [values[content] for content in contents]

    def _raced(self, function: Callable[[Genome], Any], genomes: list[Genome]) -> list[Any]:
        values: list[Any] = [None] * len(genomes)
        running = list(range(len(genomes)))
        for rung in range(self.race.rungs):
            context = Context(self.clock.generation, self.race.share(rung))
            told = map_genomes(self.engine, function, [genomes[i] for i in running], context)
            for i, value in zip(running, told, strict=True):
                values[i] = value
                measured = genomes[i].measured
                self.gradient_steps.append(measured.gradient_steps if measured else 0)
            running = sorted(running, key=lambda i: values[i])[: self.race.survivors(len(running))]
        return values


def make_map(
    name: str, workers: int | None, device: str, timeout: float | None = None
) -> SerialMap | MultiprocessMap:
    """The map called `serial`, `multiprocess` or `batched`; see `parallel.choice.make_map`."""
    return BatchedMap() if name == "batched" else choice.make_map(name, workers, device, timeout)
