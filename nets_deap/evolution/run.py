"""An evolution in memory: DEAP's algorithms, one generation at a time."""

from __future__ import annotations

import copy
import time
from typing import Any

from deap import algorithms, tools

from nets_deap.evolution import selection
from nets_deap.evolution.brief_training import ScoreOnTest
from nets_deap.evolution.checkpoint import State
from nets_deap.evolution.context import Context
from nets_deap.evolution.evaluator import Evaluator
from nets_deap.evolution.improvement import last_improvement
from nets_deap.evolution.lineage import Lineage, noting_mates
from nets_deap.evolution.maps import Engine, EvaluationMap, map_genomes
from nets_deap.evolution.record import finished, make_statistics
from nets_deap.evolution.settings import EvolutionSettings, EvolveConfig
from nets_deap.evolution.toolbox import make_toolbox
from nets_deap.individuals.evaluation import UNTRAINED
from nets_deap.individuals.genome import Genome, check_memory
from nets_deap.individuals.halls_of_fame import (
    ElitistHallOfFame,
    FrontOfFame,
    best_of,
    keep_elites,
    measured,
    reevaluate,
)
from nets_deap.parallel.serial import SerialMap
from nets_deap.problem.problem import Problem
from nets_deap.problem.ticket import Ticket
from nets_deap.pruning.allocation import active_weights
from nets_deap.util.errors import NetsError, warn_once
from nets_deap.util.random_streams import Role, generation_streams, generator, restart
from nets_deap.util.tables import Row

FEW_STEPS = 50  # of an evaluation


class Evolution:
    """One run in memory, advanced one generation at a time.

    Resuming needs only the state between two generations: each generation starts its own random streams,
    derived from the run's seed.
    """

    def __init__(
        self,
        problem: Problem,
        settings: EvolutionSettings,
        seed: int = 1,
        *,
        engine: Engine | None = None,
    ) -> None:
        """problem: its recipe is that of an evaluation, which the settings make harder. The other arguments
        are as for `make_toolbox`. Raises NetsError for a density that the layers cannot hold, and for a
        population that memory cannot hold.
        """
        self.given, self.settings, self.seed = problem, settings, seed
        self.problem = settings.evaluation(problem)  # as evaluations train it
        self.engine = engine or SerialMap()
        self.rng = generator(seed, 0, Role.INITIALISATION)
        if settings.planned:
            active_weights(problem.layout, settings.target_density)
        check_memory(settings.pop + settings.resolved_offspring, problem.layout.size)
        self.toolbox = make_toolbox(problem, settings, self.engine, self.rng, seed)
        self.evaluator: Evaluator = self.toolbox.evaluate.func
        self.map: EvaluationMap = self.toolbox.map.func
        self.map.counts = False
        self.lineage = Lineage()
        self.map.on_evaluated = lambda genomes: self.lineage.evaluated(genomes, self.generation + 1)
        self.toolbox.decorate("mate", noting_mates)
        self.map.plan = self.toolbox.select.func.plan = None  # every child here is on the plan
        self.statistics = make_statistics(settings.against == UNTRAINED)
        self.algorithm = settings.resolved_algorithm
        self.pareto = self.evaluator.objectives == 2
        self.hall = self._make_hall()
        self.population: list[Genome] = []
        self.logbook: list[Row] = []
        self._tested: tuple[Genome, float] | None = None
        self._started = time.monotonic()

    @classmethod
    def of(cls, config: EvolveConfig, engine: Engine | None = None) -> Evolution:
        """The evolution that a config describes."""
        return cls(config.problem(), config.evolution, config.seed, engine=engine)

    @property
    def over(self) -> str:
        """Why the run is over, or "" if it is not."""
        return finished(self.settings, self.logbook)

    def _make_hall(self) -> tools.HallOfFame:
        if self.pareto:
            return FrontOfFame()
        if self.algorithm == selection.SIMPLE and self._elites_live_on:
            return ElitistHallOfFame(self.settings.resolved_elites)
        return tools.HallOfFame(max(1, self.settings.resolved_elites), similar=Genome.identical)

    @property
    def _elites_live_on(self) -> bool:
        """Not on islands, where elites would replace the worst genomes anywhere: the hall only records."""
        return self.settings.resolved_elites > 0 and self.settings.islands == 1

    @property
    def best(self) -> Genome:
        """The genome of least scalar fitness so far."""
        return self.hall.best if self.pareto else self.hall[0]

    def state(self) -> State:
        """The state that a checkpoint stores."""
        checksum = self.problem.data.checksum
        return State(self.population, list(self.hall), self.best, self.logbook, checksum, self.lineage)

    def restore(self, state: State) -> None:
        """Continue from a checkpoint. Raises NetsError if it belongs to other data."""
        if state.checksum != self.problem.data.checksum:
            raise NetsError(
                f"the run was made on other data than the data set {self.given.dataset_name} now has"
            )
        self.population, self.logbook, self.lineage = state.population, state.logbook, state.lineage
        self.hall.items = [copy.deepcopy(genome) for genome in state.hall]
        self.hall.keys = [genome.fitness for genome in reversed(self.hall.items)]
        if self.pareto:
            self.hall.best = copy.deepcopy(state.best)
        self._started = time.monotonic() - float(self.logbook[-1]["elapsed_s"])

    @property
    def generation(self) -> int:
        """The last complete generation; −1 before the first."""
        return int(self.logbook[-1]["gen"]) if self.logbook else -1

    def advance(self) -> Row:
        """Run one generation (the first call evaluates the initial population) and return its record.

        DEAP draws from Python's global `random`: another evolution in another thread waits until this
        generation is over.
        """
        _ = self.problem.data  # here, where loading waits for nobody: maps may evaluate in threads of theirs
        with generation_streams(self.seed, self.generation + 1):
            return self._advance(self.generation + 1)

    def _advance(self, generation: int) -> Row:
        seed, settings = self.seed, self.settings
        self.toolbox.clock.generation = generation
        self.map.gradient_steps = []
        fresh = generation == 0 or self._stagnates()
        falling = 0 < generation <= settings.resolved_density_gens
        if fresh:
            restart(self.rng, seed, generation, Role.INITIALISATION)
            self.population = self.toolbox.population(n=settings.pop)
            if any(weight > 0 for genome in self.population for weight in genome.fitness.weights):
                raise NetsError("an Evolution minimises: its genomes' fitness has weights of −1")
        else:
            restart(self.rng, seed, generation, Role.VARIATION)
        evaluated = 0
        if settings.reevaluate and generation and not (falling or self.pareto):
            evaluated += self._reevaluate()
        self.toolbox.parents[:] = self.population
        algorithm, hall = (selection.SIMPLE, None) if falling else (self.algorithm, self.hall)
        evaluated += self._run(algorithm, generations=0 if fresh else 1, hall=hall)
        if falling:  # the best so far was denser, so its fitness does not compare
            self.hall.clear()
            self.hall.update(self.population)
        elif self._elites_live_on and not self.pareto:
            keep_elites(self.hall, self.population)  # a mu-algorithm's survivor selection may lose them
        row: Row = {"gen": generation, "nevals": evaluated, "gradient_steps": sum(self.map.gradient_steps)}
        row |= self.statistics.compile(self.population)
        if settings.restart_after:
            row["restart"] = int(fresh)
        if settings.track_test:
            start = time.monotonic()
            row["test_acc_best"] = self._test_accuracy(best_of(self.population))
            self._started += time.monotonic() - start  # not part of the search
        row["elapsed_s"] = time.monotonic() - self._started
        if generation == 0:
            self._tell_if_blind(row)
        self.logbook.append(row)
        self.lineage.settle(self.population, (*self.hall, self.best))
        return row

    def _tell_if_blind(self, row: Row) -> None:
        """Warn if harder evaluations teach nothing: mutations would follow trainings that failed.

        After few steps no network has learned much.
        """
        settings, data = self.settings, self.problem.data
        harder = settings.lr_factor > 1 or settings.input_dropout > 0
        if not harder or self.problem.recipe.steps(len(data.train.y)) < FEW_STEPS:
            return
        metric = self.problem.architecture.criterion.metric
        least = metric.of_no_knowledge(data.validation.y)
        if least is not None and not row["val_acc_best"] > least + 1e-9:
            warn_once(
                f"the first evaluations have learned nothing (the best has a validation {metric} of "
                f"{row['val_acc_best']:.3g}, no more than a guess): take evaluations like the training, "
                "`lr_factor` 1 and `input_dropout` 0, longer ones, or another `lr`"
            )

    def _stagnates(self) -> bool:
        """Is it time to draw the population anew? The elites stay (CHC: Eshelman 1991)."""
        if not self.settings.restart_after:
            return False
        drawn = max(row["gen"] for row in self.logbook if row["restart"])
        since = max(int(drawn), self.settings.resolved_density_gens)
        return self.generation - last_improvement(self.logbook, since) >= self.settings.restart_after

    def _reevaluate(self) -> int:
        """Evaluate the elites again, on this generation's minibatches; returns how many there are."""
        again = [copy.deepcopy(genome) for genome in self.hall]
        context = Context(self.toolbox.clock.generation, seed=self.seed)
        map_genomes(self.engine, self.toolbox.evaluate, again, context)
        evaluations = [genome.measured for genome in again if genome.measured]
        self.map.gradient_steps += [evaluation.gradient_steps for evaluation in evaluations]
        reevaluate(self.hall, evaluations, self.population)
        return len(again)

    def _run(self, algorithm: str, generations: int, hall: tools.HallOfFame | None) -> int:
        """Let DEAP's algorithm run for 0 or 1 generations; returns the number of evaluations.

        While the density falls that is the simple one: under the others denser parents would survive.
        """
        settings, arguments = self.settings, {"ngen": generations, "halloffame": hall, "verbose": False}
        if algorithm == selection.SIMPLE:
            _, log = algorithms.eaSimple(
                self.population, self.toolbox, cxpb=float(settings.mates), mutpb=1, **arguments
            )
        else:
            run = {
                selection.PLUS: algorithms.eaMuPlusLambda,
                selection.COMMA: algorithms.eaMuCommaLambda,
            }[algorithm]
            size = {"mu": settings.pop, "lambda_": settings.resolved_offspring}
            rates = {"cxpb": 0.5, "mutpb": 0.5} if settings.mates else {"cxpb": 0, "mutpb": 1}
            _, log = run(self.population, self.toolbox, **rates, **size, **arguments)
        return int(log[-1]["nevals"])

    def _test_accuracy(self, best: Genome) -> float:
        if self._tested is None or not self._tested[0].identical(best):
            score = ScoreOnTest(self.problem, self.seed)
            (scored,) = self.engine(score, [best])
            self._tested = (best, scored.accuracy)
        return self._tested[1]

    def ticket(self, genome: Genome | None = None) -> Ticket:
        """The best genome so far, or the given one, as a ticket that records how it was found."""
        identity = self.given.fields() | {"seed": self.seed} | self.settings.model_dump()
        return _ticket(genome or self.best, self.given, identity, self.seed)


def make_ticket(config: EvolveConfig, genome: Genome) -> Ticket:
    """An evaluated genome as a ticket that records the config it was found with."""
    return _ticket(genome, config.problem(), config.identity(), config.seed)


def _ticket(genome: Genome, problem: Problem, config: dict[str, Any], seed: int) -> Ticket:
    evaluation = measured(genome)
    info = {
        "method": "nets",
        "generation": evaluation.generation,
        "fitness": evaluation.fitness,
        "val_loss": evaluation.val_loss,
        "val_acc": evaluation.val_acc,
    }
    if evaluation.untrained_loss is not None:
        info |= {"untrained_loss": evaluation.untrained_loss, "untrained_acc": evaluation.untrained_acc}
    return Ticket(genome.weights, genome.mask, problem.architecture, config, info, problem.extras(seed))
