"""Traces: what the brief training of a genome tells informed operators about each gene, at no extra epoch.

A trace says how much a gene mattered (higher is more), or whether training changed its sign. Mutations use
traces to choose which genes to switch and which signs to flip. The trained weights themselves enter no
genome: only initial weights are inherited.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nets_deap.models.architecture import Architecture
from nets_deap.models.layout import INITIAL
from nets_deap.pruning.scores import SCORES, Candidate

if TYPE_CHECKING:
    from torch import Tensor

SAMPLES = 1000  # training samples for a trace that computes a gradient


@dataclass(frozen=True, eq=False)
class Trained:
    """A genome's network after its brief training.

    initial, weights: float32[n], θ₀ and the trained weights, the latter zero where dormant; mask: bool[n]
    extras: float32[m], trained biases and normalisations
    x, targets: a few training samples [b, *shape] and their targets [b, outputs]
    """

    architecture: Architecture
    initial: np.ndarray
    weights: np.ndarray
    extras: np.ndarray
    mask: np.ndarray
    x: Tensor
    targets: Tensor
    rng: np.random.Generator

    def score(self, name: str, weights: np.ndarray, extras: np.ndarray = INITIAL) -> np.ndarray:
        """The score called `name` for these weights under the mask; the extras are initial unless given."""
        candidate = Candidate(self.architecture, weights, self.mask, self.x, self.targets, self.rng, extras)
        return SCORES[name](candidate)


def magnitude(trained: Trained) -> np.ndarray:
    """|w_T|: the pruning criterion of IMP (Han et al. 2015, section 3; Frankle & Carbin 2019)."""
    return np.abs(trained.weights)


def movement(trained: Trained) -> np.ndarray:
    """|w_T − w₀|: how far the training has moved a weight (Zhou et al. 2019, section 3, "movement")."""
    return np.abs(trained.weights - trained.initial) * trained.mask


def product(trained: Trained) -> np.ndarray:
    """|w_T · (w_T − w₀)|: high for weights that are large and have moved."""
    return np.abs(trained.weights) * movement(trained)


def increase(trained: Trained) -> np.ndarray:
    """|w_T| − |w₀|: how much a weight has grown in training (Zhou et al. 2019, section 3)."""
    return (np.abs(trained.weights) - np.abs(trained.initial)) * trained.mask


def flipped(trained: Trained) -> np.ndarray:
    """1 where the training has changed the sign of a weight, else 0."""
    return np.asarray(trained.weights * trained.initial < 0, dtype=np.float32)


def gradient(trained: Trained) -> np.ndarray:
    """|∂L/∂w| at the trained weights, for dormant genes too: RigL's growth criterion (Evci et al. 2020)."""
    return trained.score("gradient", trained.weights, trained.extras)


def initial_gradient(trained: Trained) -> np.ndarray:
    """|∂L/∂w| at θ₀ under the mask, for dormant genes too."""
    return trained.score("gradient", trained.initial)


def initial_snip(trained: Trained) -> np.ndarray:
    """|θ₀ · ∂L/∂θ|, for dormant genes too (Lee et al. 2019, eq. 5)."""
    return np.asarray(initial_gradient(trained) * np.abs(trained.initial))


TRACES: dict[str, Callable[[Trained], np.ndarray]] = {
    "magnitude": magnitude,
    "movement": movement,
    "product": product,
    "increase": increase,
    "flipped": flipped,
    "gradient": gradient,
    "initial-gradient": initial_gradient,
    "initial-snip": initial_snip,
}
OF_TRAINING = frozenset({"movement", "product", "increase", "flipped"})  # they compare w_T with w₀
OF_DORMANT_WEIGHTS = {"initial-snip"}  # traces that depend on the weights of dormant genes
GRADIENTS = {"gradient": 1, "initial-gradient": 1, "initial-snip": 1}  # gradients that each trace computes


def leave(trained: Trained, names: Sequence[str]) -> dict[str, np.ndarray]:
    """The traces of these names, float32[n] each; a NaN, from a diverged training, counts as 0, −0 too."""
    return {name: np.nan_to_num(TRACES[name](trained).astype(np.float32)) + np.float32(0) for name in names}
