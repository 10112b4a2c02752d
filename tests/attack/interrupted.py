"""Searches and trainings that are not finished: files of theirs, and how they go on from them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from nets_deap.config import run_folder
from nets_deap.config.layers import configure
from nets_deap.evolution import checkpoint
from nets_deap.evolution.checkpoint import State
from nets_deap.evolution.record import finished
from nets_deap.evolution.run import Evolution
from nets_deap.evolution.settings import EvolveConfig
from nets_deap.individuals.evaluation import MinimisedFitness
from nets_deap.problem.budget import UNLIMITED, Cost
from nets_deap.problem.problem import Problem
from nets_deap.problem.recipe import Recipe
from nets_deap.search import cycle_files, cycles, generations
from nets_deap.search.random_ticket import random_ticket
from nets_deap.search.weedout import Weedout
from nets_deap.training.final import train_ticket
from nets_deap.training.standing import Standing

SMALL = {"dataset": "xor-corners", "pop": 3, "gens": 2, "epochs": 2, "map": "serial"}


def write_checkpoint() -> None:
    evolution = Evolution.of(configure(EvolveConfig, **SMALL))
    for _ in range(2):
        evolution.advance()
    checkpoint.save_state(Path(run_folder.CHECKPOINT), evolution.state())
    Path(run_folder.PREVIOUS).unlink(missing_ok=True)


def resume() -> None:
    config = configure(EvolveConfig, **SMALL)
    finished(config, checkpoint.read_logbook(Path()))
    evolution = Evolution.of(config)
    state, _ = checkpoint.load_newest(Path(), MinimisedFitness)
    if state is not None:
        evolution.restore(state)
        evolution.ticket()
        assert evolution.over is not None


PROBLEM = Problem("xor-corners", "mlp-10")
WEEDOUT = Weedout(pop=3, gens=2, steps=2, sparsity=0.5)


def weed(state: State | None = None, on_state: Callable[[State], None] | None = None) -> None:
    WEEDOUT(PROBLEM, UNLIMITED, np.random.default_rng(0), 0.5, state=state, on_state=on_state)


def write_weedout() -> None:
    def save(state: State) -> None:
        if len(state.logbook) == 1:  # more generations are to come
            generations.save(Path(), state)

    weed(on_state=save)


def go_on_weeding() -> None:
    weed(generations.newest(Path(), WEEDOUT, PROBLEM, 0.5))


def write_cycle() -> None:
    size = PROBLEM.layout.size
    rows = [{"cycle": 1, "val_loss": 0.5, "density": 0.8}]
    state = cycles.State(1, np.ones(size, np.float32), np.ones(size, bool), 5, rows, Cost(1, 2, 3, 0.5))
    cycle_files.save(Path(), PROBLEM, state)


TRAINED = Problem("xor-corners", "mlp-10", Recipe("adam", 0.01, 4, epochs=3))


def train(begun: Standing | None = None, on_standing: Callable[[Standing], None] | None = None) -> None:
    ticket = random_ticket(TRAINED, 20, np.random.default_rng(0))
    train_ticket(ticket, TRAINED, 1, begun=begun, on_standing=on_standing)


def write_standing() -> None:
    kept: list[Standing] = []
    train(on_standing=kept.append)
    kept[0].save(Path("s"), "this one")
