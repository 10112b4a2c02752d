"""Policy gradients with parameter-based exploration (Sehnke et al. 2010, algorithm 2: symmetric sampling).

https://doi.org/10.1016/j.neunet.2009.12.004
"""

from __future__ import annotations

import numpy as np

from nets_deap.strategies.strategy import Adam, Strategy, centred_ranks, weighted

MOST = 0.2  # largest relative change of a sigma in one update


class PGPE(Strategy):
    """Likelihood gradients of mean and sigma from mirrored pairs, by centred ranks; Adam moves the mean.

    lr: learning rate of the mean, in units of the initial sigma; sigma_lr: learning rate of sigma
    """

    pairs = True

    def __init__(
        self,
        mean: np.ndarray,
        sigma: float,
        population: int,
        rng: np.random.Generator | None = None,
        lr: float = 0.5,
        sigma_lr: float = 0.2,
    ) -> None:
        super().__init__(mean, sigma, population, rng)
        self._sigma = np.full(self.mean.size, self.start)
        self.adam, self.sigma_lr = Adam(self.mean.size, lr * sigma), sigma_lr

    @property
    def sigma(self) -> np.ndarray:
        return self._sigma

    def ask(self) -> np.ndarray:
        self._noise = self._sigma.astype(np.float32) * self.noise(self.population // 2)
        return np.concatenate([self.at(self._noise), self.at(-self._noise)])

    def tell(self, losses: np.ndarray) -> None:
        plus, minus = np.split(centred_ranks(losses).astype(np.float32), 2)
        # Gradients
        of_mean = weighted((plus - minus) / 2, self._noise) / len(plus)
        # The centred ranks sum to 0, so a baseline, or a term −σ², would add 0
        of_sigma = weighted((plus + minus) / 2, self._noise, self._noise) / self._sigma / len(plus)
        # Updates
        self.mean += self.adam.step(of_mean)
        change = self.sigma_lr * of_sigma
        self._sigma += np.clip(change, -MOST * self._sigma, MOST * self._sigma)
