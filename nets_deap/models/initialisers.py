"""Distributions of initial weights."""

from __future__ import annotations

import numpy as np

from nets_deap.models.layout import Layout
from nets_deap.util.errors import unknown


def _fans(shape: tuple[int, ...]) -> tuple[int, int]:
    receptive = int(np.prod(shape[2:]))
    return shape[1] * receptive, shape[0] * receptive


# Each initialiser is a zero-mean normal distribution; its function returns one layer's standard deviation.
INITIALISERS = {
    "normal": lambda fan_in, fan_out: 0.1,  # NeTS paper, section 3.1
    "glorot": lambda fan_in, fan_out: (2 / (fan_in + fan_out)) ** 0.5,  # Glorot & Bengio 2010, eq. 12
    "kaiming": lambda fan_in, fan_out: (2 / fan_in) ** 0.5,  # He et al. 2015, eq. 10
}


def initial_std(layout: Layout, name: str = "normal") -> np.ndarray:
    """float32[n]: each weight's standard deviation under the initialiser `name`.

    Raises NetsError for a name that is not in INITIALISERS.
    """
    if name not in INITIALISERS:
        raise unknown("initialiser", name, INITIALISERS)
    std = [INITIALISERS[name](*_fans(shape)) for shape in layout.shapes]
    return np.repeat(np.array(std, dtype=np.float32), layout.sizes)


def draw(std: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """float32[n]: weights from N(0, std²)."""
    weights = rng.standard_normal(std.size, dtype=np.float32)
    weights *= std
    return weights
