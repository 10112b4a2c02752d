"""A generation on a cluster, event by event: scheduler and link serve one genome at a time, in order."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from .model import Costs


@dataclass(frozen=True)
class Trouble:
    """spread: standard deviation of the logarithm of an evaluation's seconds, whose mean stays
    slow: share of workers that take twice as long
    losses: of a worker in an hour; its genome is computed again
    replaced: seconds until another takes a lost worker's place
    """

    spread: float = 0.0
    slow: float = 0.0
    losses: float = 0.0
    replaced: float = 30.0


NONE = Trouble()
USUAL = Trouble(spread=0.1, slow=0.05, losses=1.0)


class Simulated(NamedTuple):
    """used: share of the workers' time in which they evaluate what counts; lost: workers"""

    seconds: float
    used: float
    lost: int


class Server:
    """Serves one at a time, in the order of arrival."""

    def __init__(self) -> None:
        self.free = 0.0

    def serve(self, now: float, seconds: float) -> float:
        """When it is done with what arrives now."""
        self.free = max(now, self.free) + seconds
        return self.free


def simulate(
    costs: Costs, population: int, workers: int, trouble: Trouble = NONE, seed: int = 0
) -> Simulated:
    rng = np.random.default_rng(seed)
    scheduler, out, back = Server(), Server(), Server()
    factor = 1 + (rng.random(workers) < trouble.slow)
    events: list[tuple[float, int, Callable[[float], None]]] = []
    waiting, idle = deque(range(population)), deque(range(workers))
    done, lost, useful, number = 0, 0, 0.0, 0

    def at(when: float, event: Callable[[float], None]) -> None:
        nonlocal number
        number += 1
        heapq.heappush(events, (when, number, event))

    def assign(now: float) -> None:
        """The scheduler gives waiting genomes to idle workers; half of its work for a genome."""
        while waiting and idle:
            waiting.popleft()
            worker = idle.popleft()
            sent = out.serve(scheduler.serve(now, costs.task / 2), costs.sent / costs.bandwidth)
            at(sent + costs.latency, partial(evaluate, worker=worker))

    def evaluate(now: float, worker: int) -> None:
        nonlocal lost
        spread = np.exp(rng.normal(-(trouble.spread**2) / 2, trouble.spread))
        seconds = costs.evaluation * factor[worker] * spread + costs.worker
        dies = rng.exponential(3600 / trouble.losses) if trouble.losses else np.inf
        if dies < seconds:
            lost += 1
            at(now + dies + costs.latency, again)
            at(now + dies + trouble.replaced, lambda now: joins(now, worker))
        else:
            at(now + seconds + costs.latency, lambda now: arrives(now, worker, seconds))

    def again(now: float) -> None:
        waiting.appendleft(0)
        assign(now)

    def joins(now: float, worker: int) -> None:
        idle.append(worker)
        assign(now)

    def arrives(now: float, worker: int, seconds: float) -> None:
        """The other half of the scheduler's work, before the worker has the next genome."""
        received = back.serve(now, costs.answered / costs.bandwidth)
        at(scheduler.serve(received, costs.task / 2), lambda now: ends(now, worker, seconds))

    def ends(now: float, worker: int, seconds: float) -> None:
        nonlocal done, useful
        done += 1
        useful += seconds
        joins(now, worker)

    at(costs.around(population), assign)
    now = 0.0
    while done < population:
        now, _, event = heapq.heappop(events)
        event(now)
    return Simulated(float(now), float(useful / (workers * now)), lost)
