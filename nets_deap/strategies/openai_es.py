"""OpenAI's evolution strategy (Salimans et al. 2017, algorithm 1, with mirrored sampling and centred ranks).

https://arxiv.org/abs/1703.03864
"""

from __future__ import annotations

import numpy as np

from nets_deap.strategies.strategy import Adam, Strategy, centred_ranks, weighted


class OpenAIES(Strategy):
    """Adam along the gradient of a smoothed loss, with one constant sigma. lr: in units of sigma"""

    pairs = True

    def __init__(
        self,
        mean: np.ndarray,
        sigma: float,
        population: int,
        rng: np.random.Generator | None = None,
        lr: float = 0.5,
    ) -> None:
        super().__init__(mean, sigma, population, rng)
        self.adam = Adam(self.mean.size, lr * sigma)

    @property
    def sigma(self) -> np.ndarray:
        return np.full(self.mean.size, self.start)

    def ask(self) -> np.ndarray:
        self._drawn = self.noise(self.population // 2)
        moved = np.float32(self.start) * self._drawn
        return np.concatenate([self.at(moved), self.at(-moved)])

    def tell(self, losses: np.ndarray) -> None:
        plus, minus = np.split(centred_ranks(losses).astype(np.float32), 2)
        gradient = weighted(plus - minus, self._drawn) / (self.population * self.start)
        self.mean += self.adam.step(gradient)
