"""One update of each strategy beside its paper's formulas, in two dimensions and double precision."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log, sqrt

import numpy as np
import pytest

from nets_deap.strategies import STRATEGIES

MEAN, SIGMA = np.array([1.0, -2.0]), 0.5
NOISE = np.array([[1.0, -0.5], [0.25, 2.0], [-1.5, 0.75], [0.5, -1.0]])
Answer = tuple[np.ndarray, np.ndarray]


def adam(gradient: np.ndarray, lr: float) -> np.ndarray:
    """Its first step: both moments are corrected to the gradient's."""
    return lr * gradient / (np.abs(gradient) + 1e-8)


def snes() -> Answer:
    # Losses 4, 1, 3, 2: the second is best, then the fourth; the others have what is left
    raw = [0.0, log(3), 0.0, log(3) - log(2)]
    utility = np.array(raw) / sum(raw) - 0.25
    of_mean = utility @ NOISE
    of_sigma = utility @ (NOISE**2 - 1)
    rate = (3 + log(2)) / (5 * sqrt(2))
    return MEAN + SIGMA * of_mean, SIGMA * np.exp(rate / 2 * of_sigma)


def sep_cma_es() -> Answer:
    parents = NOISE[[1, 3]]
    weights = np.array([log(2.5), log(2.5) - log(2)])
    weights /= weights.sum()
    effective, n = 1 / (weights**2).sum(), 2
    moved = weights @ parents
    c_path = (effective + 2) / (n + effective + 3)
    damping = 1 + 2 * max(0, sqrt((effective - 1) / (n + 1)) - 1) + c_path
    path = sqrt(c_path * (2 - c_path) * effective) * moved
    expected = sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n**2))
    length = np.linalg.norm(path)
    c_cov_path = 4 / (n + 4)
    within = length / sqrt(1 - (1 - c_path) ** 2) < (1.4 + 2 / (n + 1)) * expected
    cov_path = within * sqrt(c_cov_path * (2 - c_cov_path) * effective) * moved
    c_full = 2 / (effective * (n + sqrt(2)) ** 2)
    c_full += (1 - 1 / effective) * min(1, (2 * effective - 1) / ((n + 2) ** 2 + effective))
    c_cov = min(1, (n + 2) / 3 * c_full)
    variance = (1 - c_cov) + c_cov / effective * cov_path**2
    variance += c_cov * (1 - 1 / effective) * (weights @ parents**2)
    step = SIGMA * exp(c_path / damping * (length / expected - 1))
    return MEAN + SIGMA * moved, step * np.sqrt(variance)


# Mirrored pairs: the third and fourth points are the first and second turned round. Losses 4, 1, 3, 2 have
# centred ranks −1/2, 1/2, −1/6, 1/6.
DIFFERENCES = np.array([-1 / 2 + 1 / 6, 1 / 2 - 1 / 6])
SUMS = np.array([-1 / 2 - 1 / 6, 1 / 2 + 1 / 6])


def pgpe() -> Answer:
    moves = SIGMA * NOISE[:2]
    of_mean = (DIFFERENCES / 2) @ moves / 2
    of_sigma = (SUMS / 2) @ ((moves**2 - SIGMA**2) / SIGMA) / 2
    change = np.clip(0.2 * of_sigma, -0.2 * SIGMA, 0.2 * SIGMA)
    return MEAN + adam(of_mean, 0.5 * SIGMA), SIGMA + change


def openai_es() -> Answer:
    gradient = (DIFFERENCES @ NOISE[:2]) / (4 * SIGMA)
    return MEAN + adam(gradient, 0.5 * SIGMA), np.full(2, SIGMA)


ANSWERS: dict[str, Callable[[], Answer]] = {
    "snes": snes,
    "pgpe": pgpe,
    "sep-cma-es": sep_cma_es,
    "openai-es": openai_es,
}


@pytest.mark.parametrize("name", STRATEGIES)
def test_an_update_is_what_its_paper_writes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    strategy = STRATEGIES[name](MEAN, SIGMA, 4)
    monkeypatch.setattr(strategy, "noise", lambda count: NOISE[:count].astype(np.float32))
    points = strategy.ask()
    sample = np.concatenate([NOISE[:2], -NOISE[:2]]) if strategy.pairs else NOISE
    np.testing.assert_allclose(points, MEAN + SIGMA * sample, rtol=1e-6)
    strategy.tell(np.array([4.0, 1.0, 3.0, 2.0]))
    mean, sigma = ANSWERS[name]()
    np.testing.assert_allclose(strategy.mean, mean, rtol=1e-6)
    np.testing.assert_allclose(strategy.sigma, sigma, rtol=1e-6)
