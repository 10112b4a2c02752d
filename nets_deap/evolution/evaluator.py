"""`toolbox.evaluate`: a brief training, the validation loss, and a fitness. Test data are not used."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace

import numpy as np
import torch

from nets_deap.data.dataset import Data
from nets_deap.evolution.brief_training import blanked, passes_to_judge, seed_of, train_briefly
from nets_deap.evolution.context import FIRST, Context, current
from nets_deap.evolution.fitness import DensityPenalty, FitnessFunction, finite
from nets_deap.individuals.evaluation import AGAINST, DENSITY, UNTRAINED, Evaluation
from nets_deap.individuals.genome import Genome
from nets_deap.models.layout import INITIAL, check_fits
from nets_deap.networks.backends import make_stack
from nets_deap.networks.scoring import Score, evaluate, score_all
from nets_deap.networks.stack_size import chunk_size, in_chunks, usable_memory
from nets_deap.problem.problem import Problem
from nets_deap.pruning import traces
from nets_deap.training.loop import assert_masked, train
from nets_deap.util.errors import NetsError, raised, unknown
from nets_deap.util.random_streams import Role, fitness_streams, generator
from nets_deap.util.threads import one_thread


class Evaluator:
    """`toolbox.evaluate`: a genome in, DEAP's fitness values out.

    A call also stores the full `Evaluation` on the genome, as `measured`. An evaluator pickles in a few
    hundred bytes: each process loads the data once, whatever the map. The generation and the length of the
    training change from call to call; they are in a `Context`, which the map of `make_toolbox` sets.

    fitness: the function to minimise; by default the paper's density penalty with target density 0.2
        It may draw from the global streams of Python, numpy and torch: they are seeded from the run's seed,
        the generation and the genome's content, and restored afterwards
    objectives: 1 for the fitness alone, 2 for (validation loss, what `against` says)
    against: "density"; or "untrained", the validation loss of the initial network under its mask, which is
        then measured before the training (accuracy before and after: Sreenivasan et al. 2022, "Rare Gems")
    traces: names in `pruning.traces.TRACES` that every evaluation records for informed operators
    extras: float32[m], what all genomes' networks start with besides their weights; initial unless given
    precision: of `evaluate_all` only, as for `StackedMLP`
    """

    def __init__(
        self,
        problem: Problem,
        fitness: FitnessFunction | None = None,
        objectives: int = 1,
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
        precision: str = "float32",
        traces: Sequence[str] = (),
        extras: np.ndarray = INITIAL,
        against: str = DENSITY,
    ) -> None:
        if against not in AGAINST:
            raise unknown("objective", against, AGAINST)
        self.problem = problem
        self.fitness = fitness or DensityPenalty(0.2)
        self.objectives = objectives
        self.seed = seed
        self.dtype = dtype
        self.precision = precision
        self.traces = tuple(traces)
        self.extras = extras
        self.against = against

    @property
    def forward_passes(self) -> int:
        """Samples that an evaluation passes forward besides those that it trains on."""
        return passes_to_judge(self.problem) * (2 if self.against == UNTRAINED else 1)

    @property
    def sees_dormant(self) -> bool:
        """May an evaluation depend on more of a genome than its active weights, mask, traits and content?"""
        ours = type(self.fitness) is DensityPenalty
        return not (ours and traces.OF_DORMANT_WEIGHTS.isdisjoint(self.traces))

    def _shortened(self, share: float) -> Problem:
        """The problem, with training cut to this share of its steps."""
        recipe = self.problem.recipe
        steps = recipe.shortened(share, len(self.problem.data.train.y))
        return replace(self.problem, recipe=replace(recipe, iterations=steps))

    def __call__(self, genome: Genome) -> tuple[float, ...]:
        evaluation = self.evaluate(genome)
        genome.measured = evaluation
        return evaluation.values

    def evaluate(self, genome: Genome, context: Context | None = None) -> Evaluation:
        """Train a genome briefly and measure it; the genome does not change.

        context: by default the one that the calling map has set

        Raises NetsError if the genome belongs to another architecture, or the fitness function fails.
        """
        context = context or current()
        problem = self._shortened(context.share)
        with one_thread():
            seed = seed_of(genome, self.seed)
            network, data = train_briefly(problem, genome, seed, context.generation, self.dtype, self.extras)
            score = evaluate(network, data.validation, data.cases)
            left = self._traces(genome, network.weights(), network.extras(), data, context)
            before = self._untrained(genome) if self.against == UNTRAINED else None
        return self._judge(score, before, left, genome, context)

    def _untrained(self, genome: Genome) -> Score:
        """The score of the network as it is, whatever the generation: that of an evaluator with 0 epochs."""
        recipe = replace(self.problem.recipe, iterations=0, input_dropout=0.0)
        problem = replace(self.problem, recipe=recipe)
        network, data = train_briefly(problem, genome, self.seed, 0, self.dtype, self.extras)
        return evaluate(network, data.validation, data.cases)

    def _traces(
        self, genome: Genome, weights: np.ndarray, extras: np.ndarray, data: Data, context: Context
    ) -> dict[str, np.ndarray]:
        """The traces that operators need of the training that has led to these weights and extras."""
        if not self.traces:
            return {}
        rng, architecture = generator(self.seed, context.generation, Role.TRACES), self.problem.architecture
        part = data.train
        chosen = torch.from_numpy(rng.permutation(len(part.y))[: traces.SAMPLES]).to(part.x.device)
        x = part.x[chosen]
        targets = architecture.targets(part.y[chosen], torch.float32)
        trained = traces.Trained(architecture, genome.weights, weights, extras, genome.mask, x, targets, rng)
        return traces.leave(trained, self.traces)

    def evaluate_all(self, genomes: Sequence[Genome], context: Context = FIRST) -> list[Evaluation]:
        """`evaluate` many genomes, which train side by side in stacks as large as memory allows.

        The results are the same except for rounding. Raises NetsError as `evaluate` does, and if not even
        one genome fits the device's memory.
        """
        architecture, recipe = self.problem.architecture, self._shortened(context.share).recipe
        data = self.problem.data.to(self.problem.torch_device, self.dtype)
        for genome in genomes:
            check_fits(architecture.layout, genome.mask.size, "the genome")
            if seed_of(genome, self.seed) != self.seed:
                raise NetsError("genomes with minibatches of their own cannot be trained as one stack")

        part = blanked(data, recipe.input_dropout, self.seed, context.generation)

        def scores(chunk: Sequence[Genome]) -> list[tuple[Score, Score | None, dict[str, np.ndarray]]]:
            weights, masks = [genome.weights for genome in chunk], [genome.mask for genome in chunk]
            network = make_stack(
                architecture,
                weights,
                masks,
                recipe,
                self.problem.torch_device,
                self.dtype,
                self.precision,
                self.extras,
            )
            before: list[Score] | list[None] = [None] * len(chunk)
            if self.against == UNTRAINED:
                before = score_all(network, data.validation, data.cases)
            train(network, part, recipe, generator(self.seed, context.generation, Role.MINIBATCHES))
            assert_masked(architecture, network.flat, network.mask.bool())
            scored = score_all(network, data.validation, data.cases)
            if not self.traces:  # nobody needs the trained weights: reading them takes long
                return [(score, first, {}) for score, first in zip(scored, before, strict=True)]
            trained = zip(chunk, network.weights(), network.extras(), strict=True)
            left = [self._traces(*of_it, data, context) for of_it in trained]
            return list(zip(scored, before, left, strict=True))

        available = usable_memory(self.problem.torch_device)
        size = chunk_size(available, architecture, recipe, data, self.dtype, self.precision)
        with one_thread():
            scored = in_chunks(scores, genomes, size)
        return [self._judge(*told, genome, context) for told, genome in zip(scored, genomes, strict=True)]

    def _judge(
        self,
        score: Score,
        before: Score | None,
        left: dict[str, np.ndarray],
        genome: Genome,
        context: Context,
    ) -> Evaluation:
        """The evaluation of a network with this score after the training; before: that of it untrained."""
        steps = self._shortened(context.share).recipe.iterations or 0
        evaluation = Evaluation(
            val_loss=finite(score.loss),
            val_acc=score.accuracy,
            density=genome.density,
            class_losses=tuple(finite(loss) for loss in score.class_losses),
            generation=context.generation,
            gradient_steps=steps + sum(traces.GRADIENTS.get(name, 0) for name in left),
            traces=left,
            planned=context.planned,
            untrained_loss=finite(before.loss) if before else None,
            untrained_acc=before.accuracy if before else None,
        )
        with fitness_streams(self.seed, context.generation, genome.content()):
            fitness = self._fitness(evaluation, genome)
        other = evaluation.density if evaluation.untrained_loss is None else evaluation.untrained_loss
        values = (fitness,) if self.objectives == 1 else (evaluation.val_loss, other)
        return replace(evaluation, fitness=fitness, values=values)

    def _fitness(self, evaluation: Evaluation, genome: Genome) -> float:
        try:
            with one_thread():
                value = self.fitness(evaluation, deepcopy(genome))  # in a worker, it has a copy too
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever the user's function raises
            name = getattr(self.fitness, "__name__", repr(self.fitness))
            raise NetsError(f"the fitness function {name} raised {raised(error)}") from error
        try:
            return finite(float(value))
        except (TypeError, ValueError, OverflowError) as error:
            raise NetsError(f"the fitness function returned {value!r}, expected a number") from error
