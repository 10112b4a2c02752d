"""DEAP's `toolbox.map`: evaluations come home, equal genomes train once, the unpromising briefly."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from nets_deap.evolution.evaluator import Evaluator
from nets_deap.evolution.racing import Race
from nets_deap.individuals.evaluation import Evaluation
from nets_deap.individuals.genome import Genome
from nets_deap.parallel import choice
from nets_deap.parallel.processes import MultiprocessMap
from nets_deap.parallel.serial import Item, Result, SerialMap


@dataclass(frozen=True)
class Measure:
    """In the worker: DEAP's fitness values, and the evaluation that the call left on the genome."""

    function: Callable[[Genome], Any]

    def __call__(self, genome: Genome) -> tuple[Any, Evaluation | None]:
        genome.measured = None
        return self.function(genome), genome.measured


class BatchedMap(SerialMap):
    """All genomes at once, as stacked tensors on the evaluator's device.

    It pays on a GPU; on a CPU it computes in one thread and takes as long as `SerialMap`. It is for
    `map_genomes` with our own `Evaluator`, bare or registered in a toolbox; any other function, a user's
    evaluation or a decorated one, is called with one item after another.
    """

    def __call__(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        tell: Callable[[Result], None] | None = None,
        lost: Callable[[Item], Result] | None = None,
    ) -> list[Result]:
        evaluator: Any = function.function if isinstance(function, Measure) else None
        while isinstance(evaluator, partial) and not (evaluator.args or evaluator.keywords):
            evaluator = evaluator.func
        if type(evaluator) is not Evaluator:  # a subclass may evaluate in a way of its own
            return super().__call__(function, items, tell, lost)
        genomes: list[Any] = list(items)
        answers: list[Any] = [(measured.values, measured) for measured in evaluator.evaluate_all(genomes)]
        return answers


def map_genomes(
    engine: Callable[..., Iterable[Any]], function: Callable[[Genome], Any], genomes: Iterable[Genome]
) -> list[Any]:
    """DEAP's `toolbox.map`: fitness values back, and each genome keeps its evaluation.

    engine: a map of ours, or any `map(function, items)` that keeps the order, a `Pool.map` for example

    An evaluation in this process that draws from Python's `random` does not disturb DEAP's selection.
    """
    genomes = list(genomes)
    state = random.getstate()
    try:
        results = list(engine(Measure(function), genomes))
    finally:
        random.setstate(state)
    for genome, (_, measured) in zip(genomes, results, strict=True):
        genome.measured = measured
    return [values for values, _ in results]


class EvaluationMap:
    """What `make_toolbox` registers as `toolbox.map`.

    gradient_steps: what each training has taken
    counts: every call ends a generation, as in DEAP's algorithms, and the evaluator's is one more; our own
        loop sets this off, and the generation itself
    """

    def __init__(self, engine: Callable[..., Iterable[Any]], evaluator: Evaluator, race: Race) -> None:
        self.engine, self.evaluator, self.race = engine, evaluator, race
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
        self.evaluator.generation += self.counts and bool(genomes)
        return [values[content] for content in contents]

    def _raced(self, function: Callable[[Genome], Any], genomes: list[Genome]) -> list[Any]:
        values: list[Any] = [None] * len(genomes)
        running = list(range(len(genomes)))
        try:
            for rung in range(self.race.rungs):
                self.evaluator.share = self.race.share(rung)
                told = map_genomes(self.engine, function, [genomes[i] for i in running])
                for i, value in zip(running, told, strict=True):
                    values[i] = value
                    measured = genomes[i].measured
                    self.gradient_steps.append(measured.gradient_steps if measured else 0)
                running = sorted(running, key=lambda i: values[i])[: self.race.survivors(len(running))]
        finally:
            self.evaluator.share = 1.0
        return values


def make_map(name: str, workers: int | None, device: str) -> SerialMap | MultiprocessMap:
    """The map called `serial`, `multiprocess` or `batched`."""
    return BatchedMap() if name == "batched" else choice.make_map(name, workers, device)
