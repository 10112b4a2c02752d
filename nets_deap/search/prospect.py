"""ProsPr as a search method."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import ClassVar

import numpy as np

from nets_deap.config.fields import MOST_KEPT
from nets_deap.models.layout import Layout
from nets_deap.pruning import prospect
from nets_deap.search.at_initialisation import Pruned
from nets_deap.util.errors import NetsError


@dataclass(frozen=True)
class Prospect(Pruned):
    """θ₀ under the mask of `pruning.prospect.Prospect`.

    steps, lr: as there; allocation, rounds, samples: as of `Pruned`
    """

    fixed = frozenset({"name", "score"})
    largest: ClassVar[Mapping[str, int]] = {**Pruned.largest, "steps": MOST_KEPT}

    steps: int = prospect.STEPS
    lr: float = prospect.RATE

    def pruning(self) -> prospect.Prospect:
        given = {key: value for key, value in asdict(self).items() if key != "name" and value is not None}
        return prospect.Prospect(**given)

    def plan(self, layout: Layout, density: float) -> list[np.ndarray | int]:
        """Raises NetsError for a look ahead that is none, or an impossible plan."""
        if self.steps < 0 or not 0 < self.lr < math.inf:
            raise NetsError(
                f"prospr: steps={self.steps}, lr={self.lr:g}: expected 0 or more steps, and a rate above 0"
            )
        return super().plan(layout, density)
