"""The brief training of an evaluation (NeTS paper, Algorithm 2)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from nets_deap.data.dataset import Data, Part
from nets_deap.individuals.genome import Genome
from nets_deap.models.layout import INITIAL, check_fits
from nets_deap.networks import statistics
from nets_deap.networks.backends import make_network
from nets_deap.networks.protocol import Network
from nets_deap.networks.scoring import Score, evaluate
from nets_deap.problem.problem import Problem
from nets_deap.training.loop import assert_masked, train
from nets_deap.util.random_streams import ORDER, Role, generator
from nets_deap.util.threads import one_thread


def seed_of(genome: Genome, seed: int) -> int:
    """The seed of a genome's minibatches: its own if `mutReorder` has drawn one, else the run's."""
    return int(genome.traits[ORDER][0]) if ORDER in genome.traits else seed


def train_briefly(
    problem: Problem,
    genome: Genome,
    seed: int,
    generation: int,
    dtype: torch.dtype,
    extras: np.ndarray = INITIAL,
) -> tuple[Network, Data]:
    """Express a genome and train it under its mask on the minibatches of one generation.

    Its running statistics are then those of training samples, as `networks.statistics` says.
    Returns the trained network and the data it was trained on; the genome does not change.
    """
    architecture, device = problem.architecture, problem.torch_device
    data = problem.data.to(device, dtype)
    check_fits(architecture.layout, genome.mask.size, "the genome")
    network = make_network(architecture, genome.weights, genome.mask, problem.recipe, device, dtype, extras)
    part = blanked(data, problem.recipe.input_dropout, seed, generation)
    train(network, part, problem.recipe, generator(seed, generation, Role.MINIBATCHES))
    assert_masked(architecture, network.weights(), genome.mask)
    statistics.recompute(network, part.x, problem.recipe.batch_size, statistics.BRIEF)
    return network, data


def passes_to_judge(problem: Problem) -> int:
    """Samples that an evaluation passes forward after its training."""
    available, batch = len(problem.data.train.y), problem.recipe.batch_size
    settled = statistics.passes_after_training(problem.architecture, available, batch)
    return settled + len(problem.data.validation.y)


def blanked(data: Data, dropout: float, seed: int, generation: int) -> Part:
    """The training samples for one seed and generation, with the share `dropout` of all inputs blank."""
    return _dropped(data.train, dropout, seed, generation) if dropout else data.train


@lru_cache(maxsize=1)
def _dropped(part: Part, dropout: float, seed: int, generation: int) -> Part:
    """A blank input has the least value in the data: black."""
    x = part.x
    drawn = generator(seed, generation, Role.DROPOUT).bytes(x.numel())
    blank = np.frombuffer(drawn, dtype=np.uint8) < round(dropout * 256)
    hidden = torch.from_numpy(blank).view(x.shape).to(x.device)
    return part._replace(x=x.masked_fill(hidden, x.min()))


@dataclass(frozen=True)
class ScoreOnTest:
    """A callable that repeats an evaluation's training, in float32, and scores the network on the test set.

    For Figure 1 only. It is separate from `Evaluator`, so that its result cannot reach selection.
    """

    problem: Problem
    seed: int

    def __call__(self, genome: Genome) -> Score:
        if genome.evaluation is None:
            raise ValueError("only an evaluated genome has a training to repeat")
        with one_thread():
            network, data = train_briefly(
                self.problem,
                genome,
                seed_of(genome, self.seed),
                genome.evaluation.generation,
                torch.float32,
                self.problem.extras(self.seed),
            )
            return evaluate(network, data.test, data.cases)
