"""Races: the unpromising train only briefly."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nets_deap.util.errors import NetsError


@dataclass(frozen=True)
class Race:
    """Successive halving (Jamieson & Talwalkar 2016, figure 1) on the length of an evaluation's training.

    eta:   the best 1/eta of a rung go on to the next, where training is eta times as long
    rungs: how many there are; training has its full length in the last, which starts from θ₀ as all do

    With 4 and 4, of 64 genomes 16, 4 and 1 go on, and all of it costs as much as 4 full evaluations. Two
    rungs are an early rejection. Who drops out keeps the fitness of the rung reached.
    """

    eta: int = 1
    rungs: int = 1

    def share(self, rung: int) -> float:
        """Of a full training."""
        return float(self.eta) ** (rung + 1 - self.rungs)

    def survivors(self, count: int) -> int:
        return math.ceil(count / self.eta)

    def field(self, count: int) -> list[tuple[int, float]]:
        """Of so many genomes, how many train in each rung, and for which share of a full training."""
        told = []
        for rung in range(self.rungs):
            told.append((count, self.share(rung)))
            count = self.survivors(count)
        return told


def parse(text: str | None) -> Race:
    """ETA:RUNGS, or no race. Raises NetsError for anything else."""
    if text is None:
        return Race()
    eta, _, rungs = text.partition(":")
    if not (eta.isdecimal() and rungs.isdecimal() and 2 <= int(eta) <= 100 and 2 <= int(rungs) <= 10):
        raise NetsError(f"`race` {text}: expected ETA:RUNGS, both whole and at least 2, for example 4:3")
    return Race(int(eta), int(rungs))
