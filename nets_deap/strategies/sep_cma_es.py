"""Separable covariance matrix adaptation (Ros & Hansen 2008, section 2, figure 1).

https://doi.org/10.1007/978-3-540-87700-4_30
"""

from __future__ import annotations

import math

import numpy as np

from nets_deap.strategies.strategy import Strategy, weighted


class SepCMAES(Strategy):
    """CMA-ES with a diagonal covariance, which it learns (d + 2) / 3 times as fast; sigmaᵢ = σ √Cᵢ."""

    def __init__(
        self, mean: np.ndarray, sigma: float, population: int, rng: np.random.Generator | None = None
    ) -> None:
        super().__init__(mean, sigma, population, rng)
        size, parents = self.mean.size, population // 2
        # Weights of recombination
        raw = math.log((population + 1) / 2) - np.log(np.arange(1, parents + 1))
        self.weights = (raw / raw.sum()).astype(np.float32)
        self.effective = 1 / float(self.weights @ self.weights)
        # Rates of paths and of the covariance
        self.path_rate = (self.effective + 2) / (size + self.effective + 3)
        self.damping = 1 + 2 * max(0.0, math.sqrt((self.effective - 1) / (size + 1)) - 1) + self.path_rate
        self.covariance_path_rate = 4 / (size + 4)
        rank_one = 2 / (self.effective * (size + math.sqrt(2)) ** 2)
        rank_many = min(1.0, (2 * self.effective - 1) / ((size + 2) ** 2 + self.effective))
        full = rank_one + (1 - 1 / self.effective) * rank_many
        self.covariance_rate = min(1.0, full * (size + 2) / 3)
        self.expected = math.sqrt(size) * (1 - 1 / (4 * size) + 1 / (21 * size**2))
        # State
        self.step = self.start
        self.variances = np.ones(size)
        self.path, self.covariance_path, self.generation = np.zeros(size), np.zeros(size), 0

    @property
    def sigma(self) -> np.ndarray:
        return np.asarray(self.step * np.sqrt(self.variances))

    def ask(self) -> np.ndarray:
        self._drawn = self.noise(self.population)
        return self.at(self.sigma.astype(np.float32) * self._drawn)

    def tell(self, losses: np.ndarray) -> None:
        self.generation += 1
        chosen = self._drawn[np.argsort(losses, kind="stable")[: len(self.weights)]]
        moved = weighted(self.weights, chosen)  # in units of sigma
        # Mean
        self.mean += self.sigma * moved
        # Path of the step size
        rate = self.path_rate
        self.path = (1 - rate) * self.path + math.sqrt(rate * (2 - rate) * self.effective) * moved
        length = float(np.linalg.norm(self.path))
        # Path of the covariance; it stalls while the step size grows fast
        usual = math.sqrt(1 - (1 - rate) ** (2 * self.generation)) * (1.4 + 2 / (self.mean.size + 1))
        goes_on = float(length < usual * self.expected)
        slow = self.covariance_path_rate
        scaled = np.sqrt(self.variances)
        self.covariance_path *= 1 - slow
        self.covariance_path += goes_on * math.sqrt(slow * (2 - slow) * self.effective) * scaled * moved
        # Diagonal of the covariance
        learnt = self.covariance_path**2 / self.effective
        learnt += (1 - 1 / self.effective) * self.variances * weighted(self.weights, chosen, chosen)
        self.variances += self.covariance_rate * (learnt - self.variances)
        # Step size
        self.step *= math.exp(rate / self.damping * (length / self.expected - 1))
