"""Weedout: random search in node space, and an evolution in the same space.

Random Search as a Baseline for Sparse Neural Network Architecture Search (2024): sub-networks of whole units
or channels are ranked by an early validation accuracy; the worst are weeded out and replaced by others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from deap import algorithms, base, tools

from nets_deap.config.fields import MOST, MOST_GENOMES
from nets_deap.evolution.brief_training import passes_to_judge
from nets_deap.evolution.checkpoint import State
from nets_deap.evolution.context import Clock
from nets_deap.evolution.evaluator import Evaluator
from nets_deap.evolution.maps import EvaluationMap
from nets_deap.evolution.racing import Race
from nets_deap.individuals.evaluation import Evaluation
from nets_deap.individuals.genome import Genome, check_memory
from nets_deap.individuals.halls_of_fame import measured
from nets_deap.individuals.operators.nodes import NODES, cxNodes, initNodes, mutNodes
from nets_deap.models.architecture import Architecture
from nets_deap.models.node_space import known
from nets_deap.parallel.serial import SerialMap
from nets_deap.problem.budget import UNLIMITED, Budget, Cost, Meter
from nets_deap.problem.problem import Problem
from nets_deap.problem.ticket import Ticket
from nets_deap.search import node_counts
from nets_deap.search.method import MOST_SPENT, Found, Method, Row, Stretch, initial, within
from nets_deap.search.timed import TimeIsUpError, make_in_time, timed
from nets_deap.util.errors import DamagedError, NetsError
from nets_deap.util.random_streams import generation_streams


def early_error(evaluation: Evaluation, genome: Genome) -> float:
    """1 − validation accuracy after the first steps of training."""
    return 1 - evaluation.val_acc


def early_metric(evaluation: Evaluation, genome: Genome) -> float:
    """A metric of which less is better, after the first steps of training."""
    return evaluation.val_acc


@dataclass(frozen=True)
class Weedout(Method):
    """A population of node masks over one θ₀; in each generation, others replace the worst.

    pop, gens: individuals, and generations after the first
    weed: share of the population that is weeded out in each generation
    steps: training steps before the early validation accuracy is measured
    sparsity: share of the nodes of each group that is off: one number, or one for each group; None: the one
        number that brings the density of weights nearest to the density asked for
    repair: keep one node if a sparsity would leave a group without any, instead of refusing the sparsity
    breed: newcomers are children of the survivors, by crossover and mutation, instead of random
    budget: the most gradient steps of the whole search

    All individuals are trained on the same minibatches; survivors keep their evaluation. When a budget of
    seconds ends, at most one more evaluation is finished, and the generation in progress is lost.
    """

    fixed = frozenset({"breed"})
    populations = True
    reports = True
    largest: ClassVar[Mapping[str, int]] = {
        "pop": MOST_GENOMES,
        "gens": MOST,
        "steps": MOST,
        "budget": MOST_SPENT,
    }

    pop: int = 10
    gens: int = 10
    weed: float = 0.5
    steps: int = 100
    sparsity: float | Sequence[float] | None = None
    repair: bool = False
    breed: bool = False
    budget: int | None = None

    @property
    def weeded(self) -> int:
        return round(self.weed * self.pop)

    def counts(self, architecture: Architecture, density: float) -> list[int]:
        """Number of living nodes in each group. Raises NetsError if a group has none."""
        if self.sparsity is None:
            return node_counts.of_density(architecture, density, self.repair)
        return node_counts.of_sparsity(architecture, self.sparsity, self.repair)

    def check(self, problem: Problem, density: float, budget: Budget = UNLIMITED) -> None:
        """Raise NetsError for impossible options, or a budget too small for the first population."""
        if self.pop < 1 or self.gens < 0 or self.steps < 1:
            raise NetsError(
                f"weedout: pop={self.pop}, gens={self.gens}, steps={self.steps}: expected 1 or more of each "
                "(0 generations are the best of a first population)"
            )
        if not 0 <= self.weed <= 1:
            raise NetsError(f"weedout: weed={self.weed:g}: expected a share of the population, from 0 to 1")
        parents, weeded = self.pop - self.weeded, self.weeded
        if self.gens and not (weeded >= 1 and parents >= (2 if self.breed else 1)):
            raise NetsError(
                f"weedout: weed={self.weed:g} of pop={self.pop} are {weeded} individuals and leaves "
                f"{parents}: expected one or more to go and to stay, or two to stay for node-evolution"
            )
        check_memory(self.pop + self.weeded, problem.layout.size)
        if not known(problem.architecture).nodes.size:
            raise NetsError(f"weedout: {problem.arch_name} has no hidden nodes")
        self.counts(problem.architecture, density)
        if not Meter(self.limited(budget)).affords(self._cost(problem, self.pop)):
            raise self._too_small()

    def searches(self) -> bool:
        return self.pop > 1 or self.gens > 0

    def stretched(
        self, problem: Problem, densities: Sequence[float], steps: int, given: Collection[str]
    ) -> Stretch:
        """Evaluations are longer. Equal sub-networks are trained once: what that saves pays for more
        generations, until the budget ends the search."""
        if not self.searches():
            return Stretch(why="it draws one mask")
        length = self.steps if "steps" in given else steps // (self.pop + self.gens * self.weeded)
        gens = self.gens if "gens" in given else max(self.gens, steps // max(1, length))
        return Stretch({"budget": steps, "gens": min(MOST, gens), "steps": max(1, length)})

    def limited(self, budget: Budget) -> Budget:
        return within(budget, "gradient_steps", self.budget)

    def _too_small(self) -> NetsError:
        return NetsError(
            f"the budget does not pay for {self.pop} evaluations of {self.steps} steps: allow more"
        )

    def toolbox(
        self,
        problem: Problem,
        density: float,
        rng: np.random.Generator,
        engine: Callable[..., Any] | None = None,
    ) -> base.Toolbox:
        """The DEAP toolbox of this search: individual, evaluate, mate, mutate, select, map."""
        architecture = problem.architecture
        weights, extras = initial(problem, rng)
        toolbox = base.Toolbox()
        counts = self.counts(architecture, density)
        toolbox.register("individual", initNodes, weights, architecture, counts, rng=rng)
        toolbox.register("population", tools.initRepeat, list, toolbox.individual)
        brief = replace(problem, recipe=replace(problem.recipe, iterations=self.steps))
        metric = architecture.criterion.metric
        evaluator = Evaluator(
            brief,
            early_error if metric.greatest else early_metric,
            seed=int(rng.integers(2**32)),
            extras=extras,
        )
        toolbox.register("evaluate", evaluator)
        toolbox.register("mate", cxNodes, architecture=architecture, rng=rng)
        toolbox.register("mutate", mutNodes, architecture=architecture, rng=rng)
        if not self.breed:
            toolbox.register("mutate", _drawn_anew, toolbox.individual)
        toolbox.register("select", tools.selBest)
        mapped = EvaluationMap(engine or SerialMap(), Race(), Clock())
        mapped.counts = False  # the same minibatches in every generation
        toolbox.register("map", mapped)
        return toolbox

    def __call__(
        self,
        problem: Problem,
        budget: Budget,
        rng: np.random.Generator,
        density: float,
        engine: Callable[..., Any] | None = None,
        on_row: Callable[[Row], None] | None = None,
        state: State | None = None,
        on_state: Callable[[State], None] | None = None,
    ) -> Found:
        """Raises NetsError as `check` does.

        engine: the map that evaluates; by default in this process; on_row: called after each generation
        state: to go on from; on_state: called with it after each generation, before `on_row`
        """
        self.check(problem, density, budget)
        meter = Meter(self.limited(budget), (state.spent if state else None) or Cost())
        toolbox = self.toolbox(problem, density, rng, timed(engine or SerialMap(), meter))
        toolbox.register("individual", make_in_time, toolbox.individual, meter)
        toolbox.register("population", tools.initRepeat, list, toolbox.individual)
        hall = tools.HallOfFame(1, similar=Genome.same_genes)
        logbook: list[Row] = []
        if state is None:
            try:
                population = toolbox.population(n=self.pop)
            except TimeIsUpError:
                raise self._too_small() from None
            python_random = int(rng.integers(2**63))
        else:
            population, logbook = state.population, state.logbook.copy()
            python_random = self._restore(state, problem, rng)
            hall.update(state.hall)
        for generation in range(len(logbook), self.gens + 1):
            if generation and not meter.affords(self._cost(problem, self.weeded)):
                break
            mapped: EvaluationMap = toolbox.map.func
            mapped.gradient_steps = []
            try:
                with generation_streams(python_random, generation):
                    evaluated = self._generation(population, toolbox, hall, first=not generation)
            except TimeIsUpError:
                break
            cost = self._cost(problem, len(mapped.gradient_steps))  # equal genomes are trained only once
            meter.spend(cost.gradient_steps, cost.samples, cost.forward_passes)
            accuracies = [measured(genome).val_acc for genome in population]
            logbook.append(
                {
                    "gen": generation,
                    "nevals": evaluated,
                    "gradient_steps": cost.gradient_steps,
                    "val_acc_best": measured(hall[0]).val_acc,
                    "val_acc_avg": float(np.mean(accuracies)),
                    "density": hall[0].density,
                    "elapsed_s": meter.cost.seconds,
                }
            )
            if on_state:
                drawing = {"python": python_random, "numpy": rng.bit_generator.state}
                checksum, spent = problem.data.checksum, meter.cost
                told = State(population, list(hall), hall[0], logbook, checksum, spent=spent, drawing=drawing)
                on_state(told)
            if on_row:
                on_row(logbook[-1])
        if not logbook:
            raise self._too_small()
        best = hall[0]
        searched = "node-evolution" if self.breed else "weedout" if self.gens else "random-nodes"
        info = {"method": searched, "val_acc": measured(best).val_acc}
        ticket = Ticket(
            best.weights, best.mask, problem.architecture, info=info, extras=toolbox.evaluate.func.extras
        )
        return Found(ticket, logbook, meter.cost)

    def _restore(self, state: State, problem: Problem, rng: np.random.Generator) -> int:
        """Take the stream to where it stood; returns the seed of DEAP's. Raises DamagedError for a state that
        is none of this search."""
        nodes = known(problem.architecture).nodes.size
        fits = len(state.population) == self.pop and all(
            genome.mask.size == problem.layout.size and genome.traits.get(NODES, np.empty(0)).size == nodes
            for genome in (*state.population, *state.hall)
        )
        try:
            if not fits or state.checksum != problem.data.checksum:
                raise ValueError("its population is another one's")
            drawing = state.drawing or {}
            rng.bit_generator.state = drawing["numpy"]
            np.random.SeedSequence(seed := drawing["python"])
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            raise DamagedError(f"the checkpoint is damaged: it is none of this search ({error})") from error
        return seed

    def _generation(
        self, population: list[Genome], toolbox: base.Toolbox, hall: tools.HallOfFame, first: bool
    ) -> int:
        """One generation by DEAP's algorithms, in place; returns the number of evaluations."""
        told = {"halloffame": hall, "verbose": False}
        if first:
            _, log = algorithms.eaSimple(population, toolbox, cxpb=0, mutpb=0, ngen=0, **told)
        else:
            population[:] = toolbox.select(population, self.pop - self.weeded)
            rates = {"cxpb": 0.5, "mutpb": 0.5} if self.breed else {"cxpb": 0, "mutpb": 1}
            # All survivors stay: selection keeps `pop` of the `pop` survivors and children.
            _, log = algorithms.eaMuPlusLambda(
                population, toolbox, mu=self.pop, lambda_=self.weeded, ngen=1, **rates, **told
            )
        return int(log[-1]["nevals"])

    def _cost(self, problem: Problem, evaluations: int) -> Cost:
        samples = problem.recipe.samples_in(self.steps, len(problem.data.train.y))
        passes = samples + passes_to_judge(problem)
        return Cost(evaluations * self.steps, evaluations * samples, evaluations * passes)


def _drawn_anew(make: Callable[[], Genome], individual: Genome) -> tuple[Genome]:
    """Weedout's only variation: a new random individual in place of this one."""
    return (make(),)
