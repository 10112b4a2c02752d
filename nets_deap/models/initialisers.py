"""Distributions of initial weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nets_deap.models.architecture import Architecture
from nets_deap.models.layout import Layout
from nets_deap.util.errors import unknown

MODULE = "module"  # what the network's own factory draws


def _fans(shape: tuple[int, ...]) -> tuple[int, int]:
    if len(shape) == 1:
        return shape[0], shape[0]
    receptive = int(np.prod(shape[2:]))
    return shape[1] * receptive, shape[0] * receptive


# Each of these is a zero-mean normal distribution; its function returns one layer's standard deviation.
NORMAL = {
    "normal": lambda fan_in, fan_out: 0.1,  # NeTS paper, section 3.1
    "glorot": lambda fan_in, fan_out: (2 / (fan_in + fan_out)) ** 0.5,  # Glorot & Bengio 2010, eq. 12
    "kaiming": lambda fan_in, fan_out: (2 / fan_in) ** 0.5,  # He et al. 2015, eq. 10
}
INITIALISERS = (*NORMAL, MODULE)


def initial_std(layout: Layout, name: str = "normal") -> np.ndarray:
    """float32[n]: each weight's standard deviation under the initialiser `name`.

    Raises NetsError for a name that is not in NORMAL.
    """
    if name not in NORMAL:
        raise unknown("initialiser", name, NORMAL)
    std = [NORMAL[name](*_fans(shape)) for shape in layout.shapes]
    return np.repeat(np.array(std, dtype=np.float32), layout.sizes)


class Drawing:
    """Draws the initial weights that the factory of an architecture's module gives it."""

    def __init__(self, architecture: Architecture) -> None:
        self.template = architecture.known()

    def __call__(self, rng: np.random.Generator) -> np.ndarray:
        """float32[n]"""
        return self.both(rng)[0]

    def both(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """The weights and extras of one module, float32[n] and [m]."""
        return self.template.draw(rng)

    def extras(self, seed: int) -> np.ndarray:
        return self.both(np.random.default_rng(seed))[1]


def measured_std(architecture: Architecture) -> np.ndarray:
    """float32[n]: the root mean square of each layer's weights as a factory draws them, the same for all."""
    weights, _ = architecture.known().draw(np.random.default_rng(0))
    scales = [
        np.sqrt(np.mean(np.square(part, dtype=np.float64))) for _, part in architecture.layout.split(weights)
    ]
    return np.repeat(np.array(scales, dtype=np.float32), architecture.layout.sizes)


def draw(
    source: np.ndarray | Callable[[np.random.Generator], np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """float32[n]: weights from N(0, std²) for standard deviations, or what a function of `rng` draws."""
    if callable(source):
        return source(rng)
    weights = rng.standard_normal(source.size, dtype=np.float32)
    weights *= source
    return weights
