"""What evolution strategies share: a search distribution N(mean, diag(sigma²)) with `ask` and `tell`.

DEAP's interface is `generate` and `update`, for `algorithms.eaGenerateUpdate`. They call the two methods that
each strategy implements, `ask` and `tell`. Losses are minimised.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import numpy as np

from nets_deap.individuals.evaluation import MinimisedFitness
from nets_deap.util.errors import NetsError

LARGEST = 1e6  # a sigma far above this overflows single precision


class Point:
    """A DEAP individual: `vector`, float32[d], and its fitness."""

    def __init__(self, vector: np.ndarray) -> None:
        self.vector = vector
        if "fitness" not in vars(self):  # DEAP's `creator` sets it beforehand
            self.fitness = MinimisedFitness()


class Strategy(ABC):
    """An evolution strategy.

    mean: float64[d]; sigma: initial standard deviation in every direction; population: points per generation
    Raises NetsError for a population that is too small, or odd if points come in pairs; and for a sigma that
    is not in (0, LARGEST].
    """

    least = 4  # smallest population
    pairs = False  # points come in mirrored pairs

    def __init__(
        self, mean: np.ndarray, sigma: float, population: int, rng: np.random.Generator | None = None
    ) -> None:
        name = type(self).__name__
        if population < self.least:
            raise NetsError(f"{name} with a population of {population}: expected {self.least} or more")
        if self.pairs and population % 2:
            raise NetsError(
                f"{name} with a population of {population}: its points come in pairs: take an even one"
            )
        if not 0 < sigma <= LARGEST:
            raise NetsError(f"{name} with sigma {sigma:g}: expected more than 0, and {LARGEST:g} at most")
        self.mean = np.array(mean, dtype=np.float64)
        self.start, self.population = float(sigma), population
        self.rng = np.random.default_rng() if rng is None else rng

    @property
    @abstractmethod
    def sigma(self) -> np.ndarray:
        """float64[d]: current standard deviations of the search distribution."""

    @abstractmethod
    def ask(self) -> np.ndarray:
        """float32[population, d]: points drawn from the search distribution."""

    @abstractmethod
    def tell(self, losses: np.ndarray) -> None:
        """Update the search distribution. losses: float64[population], of the points of the last `ask`."""

    def noise(self, count: int) -> np.ndarray:
        """float32[count, d] from N(0, 1); single precision takes half the time of double."""
        return self.rng.standard_normal((count, self.mean.size), dtype=np.float32)

    def at(self, moves: np.ndarray) -> np.ndarray:
        """float32[…, d]: the points at these offsets from the mean."""
        return self.mean.astype(np.float32) + moves

    def generate(self, ind_init: Callable[[np.ndarray], Point] = Point) -> list[Point]:
        """DEAP's `toolbox.generate`."""
        return [ind_init(vector) for vector in self.ask()]

    def update(self, population: Sequence[Point]) -> None:
        """DEAP's `toolbox.update`. population: the points of the last `generate`, in order, evaluated."""
        self.tell(np.array([-point.fitness.wvalues[0] for point in population]))  # minimised or maximised


def utilities(losses: np.ndarray) -> np.ndarray:
    """float64[λ] that sum to 0: the best point gets the most, and all of the worse half get the same least.

    The rank-based fitness shaping of natural evolution strategies (Wierstra et al. 2014, section 3.1).
    """
    count = len(losses)
    ranked = np.maximum(0, np.log(count / 2 + 1) - np.log(np.arange(1, count + 1)))
    shaped = np.empty(count)
    shaped[np.argsort(losses, kind="stable")] = ranked / ranked.sum() - 1 / count
    return shaped


def centred_ranks(losses: np.ndarray) -> np.ndarray:
    """float64[λ] from 0.5 for the best to −0.5 for the worst (Salimans et al. 2017, section 2.1)."""
    count = len(losses)
    ranks = np.empty(count)
    ranks[np.argsort(losses, kind="stable")] = np.arange(count)
    return 0.5 - ranks / (count - 1)


def weighted(weights: np.ndarray, *rows: np.ndarray) -> np.ndarray:
    """float32[d]: Σᵢ weightsᵢ Π rowsᵢ, for weights float32[p] and one or more rows float32[p, d].

    It avoids BLAS, whose threads cost more than they save when workers use all cores.
    """
    return np.einsum("i," + ",".join(["ij"] * len(rows)) + "->j", weights, *rows)


class Adam:
    """Ascent along a gradient, float64[d] (Kingma & Ba 2015, algorithm 1)."""

    def __init__(self, size: int, lr: float) -> None:
        self.lr, self.steps = lr, 0
        self.mean, self.square = np.zeros(size), np.zeros(size)

    def step(self, gradient: np.ndarray) -> np.ndarray:
        """float64[d]: the step to add to the parameters."""
        self.steps += 1
        self.mean += 0.1 * (gradient - self.mean)
        self.square += 0.001 * (gradient**2 - self.square)
        mean, square = self.mean / (1 - 0.9**self.steps), self.square / (1 - 0.999**self.steps)
        return np.asarray(self.lr * mean / (np.sqrt(square) + 1e-8))
