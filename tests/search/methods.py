"""The problem on which the tests of methods search, and the methods as text."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nets_deap.problem.budget import Budget
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.search.method import Found, Row
from nets_deap.search.registry import METHODS, gives_ticket, method_of, parse
from nets_deap.search.sparse_training import SparseTraining

DIGITS = Problem("digits", "lenet-300-100", Recipe("adam", 1.2e-3, 60, epochs=2), data_limit=300)
RESULTS = Path(__file__).parents[2] / "results"
SMALL = "pop=3,gens=2,epochs=1"
FEW = "pop=4,gens=1,batch=20,rounds=2"
TEXTS = {name: f"{name}:{SMALL}" if name.startswith("nets") else name for name in METHODS}
TEXTS |= {name: f"{name}:{FEW}" for name in ("es", "es-paper")}
# As short as they can be, for networks and data of any kind
BRIEF = {
    "nets": "nets:pop=2,gens=1,iterations=2",
    "nets-paper": "nets-paper:pop=2,gens=1,iterations=2",
    "imp": "imp:cycles=2",
    "imp-short": "imp-short:cycles=2",
    "imp-rewind": "imp-rewind:cycles=2",
    "lrr": "lrr:cycles=2",
    "weedout": "weedout:pop=2,gens=1,steps=2",
    "node-evolution": "node-evolution:pop=4,gens=1,steps=2",
    "random-nodes": "random-nodes:steps=2",
    "synflow": "synflow:rounds=3",
    "es": "es:pop=4,gens=2,rounds=2",
    "es-paper": "es-paper:pop=4,gens=2,rounds=2",
}
NODES = ("weedout", "node-evolution", "random-nodes")
SIGNED = ("edge-popup", "gem-miner")  # of θ₀ they keep the signs alone
TICKETS = [name for name in METHODS if gives_ticket(parse(name))]
MOVING = [name for name in METHODS if issubclass(METHODS[name].kind, SparseTraining)]
EXACT = [name for name in TICKETS if name not in ("dense", "nets", "nets-paper", "random-paper", *NODES)]


def search(text: str, density: float = 0.1, seed: int = 0, budget: Budget = Budget()) -> Found:  # noqa: B008
    return method_of(parse(text))(DIGITS, budget, np.random.default_rng(seed), density)


def timeless(row: Row) -> Row:
    return {key: value for key, value in row.items() if not key.endswith("_s")}
