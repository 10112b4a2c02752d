"""Separable natural evolution strategy (Schaul, Glasmachers & Schmidhuber 2011, algorithm 1).

https://doi.org/10.1145/2001576.2001692
"""

from __future__ import annotations

import math

import numpy as np

from nets_deap.strategies.strategy import Strategy, utilities, weighted


class SNES(Strategy):
    """Natural gradients of mean and sigma, from ranks. lr: learning rate of the mean"""

    def __init__(
        self,
        mean: np.ndarray,
        sigma: float,
        population: int,
        rng: np.random.Generator | None = None,
        lr: float = 1.0,
    ) -> None:
        super().__init__(mean, sigma, population, rng)
        size = self.mean.size
        self.lr = lr
        self.rate = (3 + math.log(size)) / (5 * math.sqrt(size))
        self._sigma = np.full(size, self.start)

    @property
    def sigma(self) -> np.ndarray:
        return self._sigma

    def ask(self) -> np.ndarray:
        self._drawn = self.noise(self.population)
        return self.at(self._sigma.astype(np.float32) * self._drawn)

    def tell(self, losses: np.ndarray) -> None:
        shaped = utilities(losses).astype(np.float32)  # the noise's dtype: products of one dtype are fast
        # Natural gradients
        of_mean = weighted(shaped, self._drawn)
        of_sigma = weighted(shaped, self._drawn, self._drawn)  # the −1 drops out, as the utilities sum to 0
        # Updates
        self.mean += self.lr * self._sigma * of_mean
        self._sigma *= np.exp(self.rate / 2 * of_sigma)
