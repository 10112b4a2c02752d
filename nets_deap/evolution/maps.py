"""DEAP's `toolbox.map`: it brings evaluations back, trains equal genomes only once, and runs races."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from deap import base

from nets_deap.evolution.context import FIRST, Clock, Context, within
from nets_deap.evolution.density_schedule import SharedPlan
from nets_deap.evolution.evaluator import Evaluator
from nets_deap.evolution.racing import Race
from nets_deap.individuals.evaluation import Evaluation
from nets_deap.individuals.genome import Genome
from nets_deap.individuals.parcel import Parcel
from nets_deap.parallel import choice
from nets_deap.parallel.protocol import Map
from nets_deap.parallel.serial import SerialMap
from nets_deap.util.errors import warn_once
from nets_deap.util.random_streams import fitness_streams, undisturbed

Engine = Callable[..., Iterable[Any]]  # map(function, items), results in the order of the items


@dataclass(frozen=True)
class Measure:
    """Runs in the worker; returns DEAP's fitness values and the evaluation that the call has stored."""

    unit: ClassVar[str] = "evaluation"
    function: Callable[[Genome], Any]
    context: Context

    def __call__(self, genome: Genome) -> tuple[Any, Evaluation | None]:
        genome.measured = None
        with within(self.context), self._streams(genome):
            return self.function(genome), genome.measured

    def all(self, genomes: Sequence[Genome]) -> list[tuple[Any, Evaluation | None]]:
        """The same for many genomes, as one stack if an `Evaluator` is bare."""
        if (evaluator := bare_evaluator(self.function)) is None:
            return [self(genome) for genome in genomes]
        return [(told.values, told) for told in evaluator.evaluate_all(genomes, self.context)]

    def _streams(self, genome: Genome) -> AbstractContextManager[None]:
        """An `Evaluator` seeds the global streams itself, for its fitness function alone."""
        if bare_evaluator(self.function):
            return nullcontext()
        return fitness_streams(self.context.seed, self.context.generation, genome.content())


def bare_evaluator(function: Callable[..., Any]) -> Evaluator | None:
    """The `Evaluator` inside the `partial` that DEAP makes of it; None for any other function."""
    while isinstance(function, partial) and not (function.args or function.keywords):
        function = function.func
    # A subclass may evaluate in a way of its own.
    return function if type(function) is Evaluator else None


class BatchedMap(SerialMap):
    """Evaluates all genomes at once, as stacked tensors on the evaluator's device.

    It is for a GPU; on a CPU it computes in one thread and takes as long as `SerialMap`. It stacks genomes
    only for an `Evaluator`, bare or registered in a toolbox. Any other function, a user's own or a decorated
    one, is called with one genome after another.
    """

    stacks = True


def map_genomes(
    engine: Engine,
    function: Callable[[Genome], Any],
    genomes: Iterable[Genome],
    context: Context = FIRST,
    contents: Sequence[bytes] | None = None,
) -> list[Any]:
    """DEAP's `toolbox.map`: returns the fitness values, and each genome keeps its evaluation.

    engine: one of nets_deap's maps, or any `map(function, items)` that keeps the order, such as `Pool.map`;
        if it `sends` its items to other processes, they get no more of a genome than they look at
    context: the context of all these evaluations
    contents: `content()` of each genome, if known

    The global random streams are restored, so that evaluations do not disturb DEAP's selection.
    """
    genomes = list(genomes)
    measure = Measure(function, context)
    with undisturbed():
        if isinstance(engine, BatchedMap):
            results = measure.all(genomes)
        else:
            items = parcels(function, genomes, contents) if getattr(engine, "sends", False) else genomes
            results = list(engine(measure, items))
    for genome, (_, measured) in zip(genomes, results, strict=True):
        genome.measured = measured
    return [values for values, _ in results]


def parcels(
    function: Callable[[Genome], Any], genomes: Sequence[Genome], contents: Sequence[bytes] | None = None
) -> list[Parcel]:
    """Genomes for other processes: whole if the function may look at all of them."""
    evaluator = bare_evaluator(function)
    whole = evaluator is None or evaluator.sees_dormant
    known: Sequence[bytes | None] = contents or [None] * len(genomes)
    return [Parcel(genome, whole, content) for genome, content in zip(genomes, known, strict=True)]


@dataclass(frozen=True)
class Aside:
    """Runs in the worker: a function that is no evaluation, such as DEAP's algorithm on one of many islands.

    Each call starts in the clock's generation, and says in which generation it has ended.
    """

    function: Callable[[Any], Any]
    clock: Clock
    generation: int

    def __call__(self, item: Any) -> tuple[Any, int]:
        self.clock.generation = self.generation
        return self.function(item), self.clock.generation


class EvaluationMap:
    """The map that `make_toolbox` registers as `toolbox.map`.

    It evaluates when it maps `toolbox.evaluate`, decorated or replaced as it may be, or an `Evaluator` over
    genomes. Anything else passes through to the engine, and is no generation.

    toolbox: whose evaluation it is; None: any function of genomes is an evaluation
    seed: of the run, for an evaluation of the user's own that draws random numbers
    plan: of the density; None: no plan
    gradient_steps: gradient steps of each training so far
    on_evaluated: called with the genomes of each call, once they are evaluated
    counts: whether every call ends a generation and advances the clock, as DEAP's algorithms need; an
        `Evolution` switches this off and sets the clock itself
    """

    def __init__(
        self,
        engine: Engine,
        race: Race,
        clock: Clock,
        toolbox: base.Toolbox | None = None,
        seed: int = 0,
        plan: SharedPlan | None = None,
    ) -> None:
        self.engine, self.race, self.clock, self.toolbox = engine, race, clock, toolbox
        self.seed, self.plan = seed, plan
        self.gradient_steps: list[int] = []
        self.counts = True
        self.on_evaluated: Callable[[list[Genome]], None] | None = None

    def __call__(self, function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        items = list(items)
        if self._evaluates(function) and all(isinstance(item, Genome) for item in items):
            return self._evaluated(function, items)
        ended = list(self.engine(Aside(function, self.clock, self.clock.generation), items))
        self.clock.generation = max((generation for _, generation in ended), default=self.clock.generation)
        results = [result for result, _ in ended]
        genomes = bool(items) and all(isinstance(item, Genome) for item in items)
        if self.counts and genomes and all(isinstance(result, tuple) for result in results):
            name = getattr(function, "__name__", type(function).__name__)
            warn_once(
                f"`toolbox.map` takes {name} for no evaluation, and counts no generation: if it is one, "
                "register it as `toolbox.evaluate`, and map that"
            )
        return results

    def _evaluates(self, function: Callable[[Any], Any]) -> bool:
        inner = function
        while isinstance(inner, partial):
            inner = inner.func
        ours = self.toolbox is None or function is getattr(self.toolbox, "evaluate", None)
        return ours or isinstance(inner, Evaluator)

    def _evaluated(self, function: Callable[[Genome], Any], genomes: list[Genome]) -> list[Any]:
        contents = [genome.content() for genome in genomes]
        first: dict[bytes, Genome] = {}
        for genome, content in zip(genomes, contents, strict=True):
            first.setdefault(content, genome)
        values = dict(zip(first, self._raced(function, first), strict=True))
        for genome, content in zip(genomes, contents, strict=True):
            genome.measured = first[content].measured
        if self.on_evaluated:
            self.on_evaluated(genomes)
        if self.counts:
            ends = bool(genomes) or self.clock.bred
            self.clock.generation += ends
            self.clock.bred, self.clock.idle = False, not ends
        return [values[content] for content in contents]

    def _raced(self, function: Callable[[Genome], Any], different: dict[bytes, Genome]) -> list[Any]:
        contents, genomes = list(different), list(different.values())
        values: list[Any] = [None] * len(genomes)
        running = list(range(len(genomes)))
        generation = self.clock.generation
        planned = self.plan.density(generation) if self.plan else None
        for rung in range(self.race.rungs):
            context = Context(generation, self.race.share(rung), self.seed, planned)
            run, known = [genomes[i] for i in running], [contents[i] for i in running]
            told = map_genomes(self.engine, function, run, context, known)
            for i, value in zip(running, told, strict=True):
                values[i] = value
                measured = genomes[i].measured
                self.gradient_steps.append(measured.gradient_steps if measured else 0)
            running.sort(key=lambda i: _merit(values[i], genomes[i]), reverse=True)
            del running[self.race.survivors(len(running)) :]
        return values


def _merit(values: Sequence[float], genome: Genome) -> tuple[float, ...]:
    """Fitness values as DEAP compares them: the larger the better, minimised or maximised."""
    return tuple(value * weight for value, weight in zip(values, genome.fitness.weights, strict=False))


def make_map(
    name: str,
    workers: int | None,
    device: str = "cpu",
    timeout: float | None = None,
    scheduler: str | None = None,
) -> Map:
    """The map called `serial`, `multiprocess`, `dask` or `batched`; see `parallel.choice.make_map`."""
    if name == "batched" and scheduler is None:
        return BatchedMap()
    return choice.make_map(name, workers, device, timeout, scheduler)
