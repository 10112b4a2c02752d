"""What a training draws at random, and how it goes on from a step in its middle."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np

from nets_deap.models.template import Template
from nets_deap.problem.recipe import Recipe
from nets_deap.training.minibatches import minibatches
from nets_deap.util import random_streams


class Draws:
    """The random draws of one training: minibatches, augmentation, and a module's own, such as dropout.

    rng: draws the minibatches; the others have streams of their own, so that they leave the order of samples
        as it is
    begun: steps that are done already; standing: what `standing` told after them
    """

    def __init__(
        self,
        rng: np.random.Generator,
        recipe: Recipe,
        template: Template | None,
        begun: int = 0,
        standing: dict[str, Any] | None = None,
    ) -> None:
        self.rng, self.recipe, self.begun, self._standing = rng, recipe, begun, standing or {}
        self.aside = rng.spawn(1)[0] if recipe.augment else None
        self._own = rng.spawn(1)[0] if template is not None and template.draws else None
        if self.aside is not None and "aside" in self._standing:
            self.aside.bit_generator.state = self._standing["aside"]

    def minibatches(self, available: int) -> Iterator[tuple[int, np.ndarray | None]]:
        """Each step that is to do, counted from 1, and its samples."""
        steps = enumerate(minibatches(available, self.recipe, self.rng), start=1)
        return itertools.islice(steps, self.begun, None)

    @contextmanager
    def of_the_module(self) -> Iterator[None]:
        """The global streams, from which the module draws, within the training."""
        with nullcontext() if self._own is None else random_streams.training_streams(self._own):
            if self._own is not None and "own" in self._standing:
                random_streams.go_on(self._standing["own"])
            yield

    def standing(self) -> dict[str, Any]:
        """Where the streams stand, as JSON holds it; between two steps."""
        told: dict[str, Any] = {}
        if self.aside is not None:
            told["aside"] = self.aside.bit_generator.state
        if self._own is not None:
            told["own"] = random_streams.standing()
        return told
