"""The planned density of each generation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DensitySchedule:
    """The density falls geometrically, by the same share in every generation, as in IMP's cycles.

    start: density of generation 0; end: density from generation `generations` on
    """

    start: float
    end: float
    generations: int = 0

    def __call__(self, generation: int) -> float:
        if generation >= self.generations:
            return self.end
        return float(self.start * (self.end / self.start) ** (generation / self.generations))
