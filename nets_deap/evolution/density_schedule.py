"""How dense the genomes of each generation are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DensitySchedule:
    """Densities fall geometrically, by the same share in every generation, as in IMP's cycles.

    start: density of generation 0; end: from generation `generations` on
    """

    start: float
    end: float
    generations: int = 0

    def __call__(self, generation: int) -> float:
        if generation >= self.generations:
            return self.end
        return float(self.start * (self.end / self.start) ** (generation / self.generations))
