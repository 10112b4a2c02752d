"""DEAP's `toolbox.map` with less training: equal genomes train once, in a race the unpromising briefly."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from nets_deap.fitness import Evaluator
from nets_deap.genome import Genome
from nets_deap.parallel import map_genomes
from nets_deap.racing import Race


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
