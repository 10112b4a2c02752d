"""Where random numbers come from.

One run has one seed. Every use derives a stream of its own from (seed, generation, role), so results
depend neither on the map nor on the number of workers nor on the order in which evaluations finish.
"""

from __future__ import annotations

import random
from enum import IntEnum

import numpy as np

ORDER = "order"  # trait of a genome: the seed of the minibatches in its evaluations


class Role(IntEnum):
    """What a stream is used for; the numbers are part of every result, so they never change."""

    INITIALISATION = 0
    VARIATION = 1
    SELECTION = 2
    MINIBATCHES = 3
    FINAL_TRAINING = 4
    CONTROLS = 5
    SEARCH = 6
    TRACES = 7
    DROPOUT = 8


def stream(seed: int, generation: int, role: Role) -> np.random.SeedSequence:
    """The seed sequence of one role in one generation of the run with this seed."""
    return np.random.SeedSequence(entropy=seed, spawn_key=(generation, int(role)))


def generator(seed: int, generation: int, role: Role) -> np.random.Generator:
    """A generator at the start of `stream(seed, generation, role)`."""
    return np.random.default_rng(stream(seed, generation, role))


def restart(rng: np.random.Generator, seed: int, generation: int, role: Role) -> None:
    """Move a generator, which operators already hold, to the start of another stream."""
    rng.bit_generator.state = generator(seed, generation, role).bit_generator.state


def seed_python_random(seed: int, generation: int, role: Role) -> None:
    """Seed Python's `random`, the source of DEAP's own operators, for one generation."""
    random.seed(int(stream(seed, generation, role).generate_state(1, np.uint64)[0]))


def as_generator(rng: np.random.Generator | None) -> np.random.Generator:
    """`rng` itself, or a fresh generator seeded by Python's `random`.

    With the fresh generator, an operator follows `random.seed` when it is used from plain DEAP.
    """
    return np.random.default_rng(random.getrandbits(64)) if rng is None else rng
