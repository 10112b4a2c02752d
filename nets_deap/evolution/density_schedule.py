"""The planned density of each generation."""

from __future__ import annotations

from dataclasses import dataclass

from nets_deap.models.layout import Layout
from nets_deap.pruning.allocation import active_weights


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


@dataclass(frozen=True)
class SharedPlan:
    """The density that a schedule plans for all genomes of a generation, in whole weights of a layout."""

    schedule: DensitySchedule
    layout: Layout

    def active(self, generation: int) -> int:
        return active_weights(self.layout, self.schedule(generation))

    def density(self, generation: int) -> float:
        return self.active(generation) / self.layout.size

    def falls(self, generation: int) -> bool:
        """Will the density be lower after this generation?"""
        return generation < self.schedule.generations
