"""Races: genomes that do not look promising train only briefly."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nets_deap.util.errors import NetsError


@dataclass(frozen=True)
class Race:
    """Successive halving (Jamieson & Talwalkar 2016, figure 1) on the length of an evaluation's training.

    eta:   the best 1/eta of a rung advance to the next rung, where training is eta times as long
    rungs: number of rungs; only the last one trains at full length. Every rung trains from θ₀ again

    With eta 4 and 4 rungs, of 64 genomes 16, 4 and 1 advance, at the cost of 4 full evaluations in all. Two
    rungs are an early rejection. A genome that drops out keeps the fitness of its last rung.
    """

    eta: int = 1
    rungs: int = 1

    def share(self, rung: int) -> float:
        """Length of the training in a rung, as a share of a full training."""
        return float(self.eta) ** (rung + 1 - self.rungs)

    def survivors(self, count: int) -> int:
        return math.ceil(count / self.eta)

    def field(self, count: int) -> list[tuple[int, float]]:
        """For each rung: how many of `count` genomes train, and for which share of a full training."""
        told = []
        for rung in range(self.rungs):
            told.append((count, self.share(rung)))
            count = self.survivors(count)
        return told


def parse(text: str | None) -> Race:
    """The race that ETA:RUNGS describes; no race for None. Raises NetsError for any other text."""
    if text is None:
        return Race()
    eta, _, rungs = text.partition(":")
    if not (eta.isdecimal() and rungs.isdecimal() and 2 <= int(eta) <= 100 and 2 <= int(rungs) <= 10):
        raise NetsError(f"`race` {text}: expected ETA:RUNGS, both whole and at least 2, for example 4:3")
    return Race(int(eta), int(rungs))
