"""Each method on the CPU and on a pretended device: `python -m tests.devices.methods ARCH` says of each, in a
line of JSON, how many operations it had there, and whether it found the same."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from typing import Any

import numpy as np
from torch import nn

from nets_deap.networks.kernels import library
from nets_deap.problem.budget import UNLIMITED
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.search import controls
from nets_deap.search.method import initial
from nets_deap.search.registry import METHODS, method_of, parse
from nets_deap.search.sparse_training import SparseTraining
from nets_deap.training.final import TrainingRun, train_network, train_ticket
from nets_deap.util import devices
from nets_deap.util.errors import NetsError
from nets_deap.util.random_streams import Role, generator

from .pretended import NAME, Pretended

POPULATION, MOVING = "pop=2,gens=1", "every=2"
BRIEF = {
    **dict.fromkeys(("imp", "imp-short", "imp-rewind", "lrr"), "cycles=2,iterations=3"),
    **dict.fromkeys(("nets", "nets-paper"), f"{POPULATION},iterations=2"),
    **dict.fromkeys(("weedout", "node-evolution"), "pop=4,gens=1,steps=2"),
    **dict.fromkeys(("set", "rigl", "snfs", "gmp", "granet"), MOVING),
    **dict.fromkeys(("es", "es-paper"), "pop=4,gens=1,batch=8,rounds=2"),
    "gem-miner": "rounds=3",
    "synflow": "rounds=3",
}
RECIPE = Recipe("sgd:momentum=0.9", 0.1, 40, iterations=4)
DENSITY = 0.3


def small(outputs: int) -> nn.Module:
    """A network with convolutions and a normalisation."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 8, 3),
        nn.ReLU(),
        nn.MaxPool2d(3),
        nn.Flatten(),
        nn.Linear(32, outputs),
    )


def problem_of(arch: str) -> Problem:
    return Problem("digits", arch, RECIPE, "module", data_limit=200)


def trained(spec: str, problem: Problem) -> tuple[TrainingRun, int]:
    """What a method finds, trained; and how many operations it had on the pretended device to find it."""
    method, rng = method_of(parse(spec)), generator(1, 0, Role.SEARCH)
    method.check(problem, DENSITY)
    if isinstance(method, SparseTraining):
        weights, extras = initial(problem, rng)
        run = train_network(method.network(problem, weights, DENSITY, rng, extras), problem, 1)
        return run, Pretended.operations
    ticket = method(problem, UNLIMITED, rng, DENSITY).ticket
    if control := parse(spec).control:
        controls.check(control, problem)
        ticket = controls.CONTROLS[control](ticket, problem, generator(1, 0, Role.CONTROLS))
    searched = Pretended.operations
    return train_ticket(ticket, problem, 1), searched


def specs() -> list[str]:
    """All methods, with options that make them brief, and all controls."""
    methods = [f"{name}:{BRIEF[name]}" if name in BRIEF else name for name in METHODS]
    return [*methods, *(f"random+{control}" for control in controls.CONTROLS)]


def told(spec: str, problem: Problem, device: str) -> dict[str, Any]:
    """What comes out on a CPU, and on another device."""
    try:
        here, _ = trained(spec, problem)
    except NetsError as error:
        return {"method": spec, "refused": str(error)}
    before = Pretended.operations
    there, searched = trained(spec, replace(problem, device=device))
    return {
        "method": spec,
        "searched": searched - before,
        "operations": Pretended.operations - before,
        "same": float(np.mean((here.weights != 0) == (there.weights != 0))),
        "apart": float(np.abs(here.weights - there.weights).max()),
        "losses": [here.test.loss, there.test.loss],
    }


if __name__ == "__main__":
    devices.resolved = str
    library.available = lambda: False  # a GPU has none either: the same sums in the same order
    with Pretended():
        for spec in specs():
            print(json.dumps(told(spec, problem_of(sys.argv[1]), NAME)), flush=True)
    os._exit(0)  # torch's threads for the device would not end
