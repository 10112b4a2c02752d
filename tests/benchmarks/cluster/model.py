"""Seconds of a generation on a cluster, by a formula: docs/cluster.md explains it."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import ClassVar


@dataclass(frozen=True)
class Costs:
    """Seconds, unless another unit is named.

    evaluation: of a genome, on a worker
    worker: that a worker adds to an evaluation, while nobody else waits for it
    task: of client and scheduler for a genome, while the workers compute
    client: of the client for a genome, while the workers wait: breeding, the checkpoint
    generation: of a generation, whatever its size
    sent, answered: bytes of a genome and of its result
    bandwidth: bytes a second of the slowest link that all genomes pass, in each direction
    latency: from one machine to another
    """

    WAYS: ClassVar[int] = 6  # to the scheduler, done, results asked for and brought through it

    evaluation: float
    worker: float = 0.0
    task: float = 0.0
    client: float = 0.0
    generation: float = 0.0
    sent: float = 0.0
    answered: float = 0.0
    bandwidth: float = 1e9
    latency: float = 0.0

    @property
    def serial(self) -> float:
        """Of a genome, where all genomes pass one after another."""
        return max(self.task, max(self.sent, self.answered) / self.bandwidth)

    @property
    def each(self) -> float:
        """Of a genome on its way to its worker, there, and back, until the worker has the next one."""
        way = 2 * self.latency + (self.sent + self.answered) / self.bandwidth
        return self.evaluation + self.worker + self.task + way

    def around(self, population: int) -> float:
        """Of a generation, while no worker computes."""
        return self.generation + population * self.client + self.WAYS * self.latency

    def seconds(self, population: int, workers: int) -> float:
        """Of a generation: either the workers are busy all the time, or what is serial is."""
        first = min(population, workers) * self.serial + ceil(population / workers) * self.each
        second = population * self.serial + self.each
        return self.around(population) + max(first, second)

    def helping(self, population: int, within: float = 1.1) -> int:
        """The least number of workers with which a generation takes at most 1.1 times as long as with any."""
        least = min(self.seconds(population, workers) for workers in range(1, population + 1))
        return next(n for n in range(1, population + 1) if self.seconds(population, n) <= within * least)

    def used(self, population: int, workers: int) -> float:
        """Share of the workers' time in which they evaluate."""
        return population * self.evaluation / (workers * self.seconds(population, workers))
