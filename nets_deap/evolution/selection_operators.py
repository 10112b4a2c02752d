"""DEAP's selection operators by name, each with its requirements.

They differ from DEAP's own only where those would go wrong on a minimised loss: roulette and SUS get a merit
to maximise, the lexicase family gets one loss per class, and tournament-dcd gets its crowding distances.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
from deap import base, tools

from nets_deap.evolution.species import selSpecies
from nets_deap.individuals.evaluation import WORST
from nets_deap.individuals.genome import Genome
from nets_deap.util.errors import NetsError

Select = Callable[..., list[Any]]  # (individuals, k, **arguments) -> selected
SIMPLE, PLUS, COMMA = "simple", "mu-plus-lambda", "mu-comma-lambda"
ALGORITHMS = (SIMPLE, PLUS, COMMA)


class _Merit(base.Fitness):
    weights = (1.0,)


def _by_merit(select: Select) -> Select:
    """Let a proportional selection see the merit worst − loss + ε, to be maximised, in place of the loss."""

    def selected(individuals: list[Genome], k: int) -> list[Genome]:
        losses = np.array([-ind.fitness.wvalues[0] for ind in individuals])
        # Diverged trainings do not set the scale: their merit is ε, like that of the worst finite loss.
        worst = losses[losses < WORST].max(initial=losses.min())
        spread = float(worst - losses.min())
        # ε gives the worst genome a small chance, and all genomes the same chance if all losses are equal.
        merits = np.maximum(worst - losses, 0) + (0.01 * spread or 1.0)
        stand_ins = [
            SimpleNamespace(genome=ind, fitness=_Merit((float(merit),)))
            for ind, merit in zip(individuals, merits, strict=True)
        ]
        return [stand_in.genome for stand_in in select(stand_ins, k)]

    return selected


def _by_class_losses(select: Select) -> Select:
    """Let a lexicase selection see the validation loss of each class as its cases."""

    def selected(individuals: list[Genome], k: int, **arguments: float) -> list[Genome]:
        stand_ins = []
        for ind in individuals:
            if ind.evaluation is None:
                raise NetsError(
                    "lexicase selection reads genome.evaluation.class_losses: "
                    "evaluate with nets_deap's Evaluator"
                )
            losses = ind.evaluation.class_losses
            cases = SimpleNamespace(values=losses, weights=(-1.0,) * len(losses))
            stand_ins.append(SimpleNamespace(genome=ind, fitness=cases))
        return [stand_in.genome for stand_in in select(stand_ins, k, **arguments)]

    return selected


def _tournament_dcd(individuals: list[Genome], k: int) -> list[Genome]:
    tools.emo.assignCrowdingDist(individuals)
    return tools.selTournamentDCD(individuals, k)


def _nsga3(individuals: list[Genome], k: int, p: int = 12) -> list[Genome]:
    """NSGA-III with p + 1 reference points. It shuffles by numpy's global state, seeded from `random`."""
    state = np.random.get_state()
    np.random.seed(random.getrandbits(32))
    try:
        return tools.selNSGA3(individuals, k, tools.uniform_reference_points(nobj=2, p=p))
    finally:
        np.random.set_state(state)


@dataclass(frozen=True)
class Selection:
    """A selection operator and its requirements.

    deap:       its name in `deap.tools`; selSpecies alone is ours
    select:     DEAP's function, or a wrapper that calls it
    arguments:  its arguments with their defaults
    objectives: 1 (fitness) or 2 (validation loss, and density or untrained loss)
    algorithms: the algorithms in which it has an effect; the first is the default
    minimum:    smallest allowed value of each argument
    maximum:    largest allowed value of each argument
    multiple:   the population size must be a multiple of it
    refused:    why it cannot be used at all, or ""
    note:       what a user should know
    """

    deap: str
    select: Select
    arguments: dict[str, Any] = field(default_factory=dict)
    objectives: int = 1
    algorithms: tuple[str, ...] = ALGORITHMS
    minimum: Mapping[str, float] = field(default_factory=dict)
    maximum: Mapping[str, float] = field(default_factory=dict)
    multiple: int = 1
    refused: str = ""
    note: str = ""


_TOURNAMENT_SIZE = {"tournsize": 1}
MOST = 10_000  # of what a selection draws or compares for each genome
SELECTIONS: dict[str, Selection] = {
    "tournament": Selection(
        "selTournament",
        tools.selTournament,
        {"tournsize": 3},
        minimum=_TOURNAMENT_SIZE,
        maximum={"tournsize": MOST},
        note="the default; tournsize=1 has no pressure",
    ),
    "double-tournament": Selection(
        "selDoubleTournament",
        tools.selDoubleTournament,
        {"fitness_size": 3, "parsimony_size": 1.4, "fitness_first": True},
        minimum={"fitness_size": 1, "parsimony_size": 1},
        maximum={"fitness_size": MOST, "parsimony_size": 2},
        note="prefers sparser genomes among the fit: size is the number of active weights",
    ),
    "best": Selection(
        "selBest", tools.selBest, algorithms=(PLUS, COMMA), note="truncation; of n it selects n under simple"
    ),
    "roulette": Selection(
        "selRoulette",
        _by_merit(tools.selRoulette),
        note="on merit = worst − loss + ε: DEAP's own would favour the worst",
    ),
    "sus": Selection(
        "selStochasticUniversalSampling",
        _by_merit(tools.selStochasticUniversalSampling),
        note="stochastic universal sampling, on merit",
    ),
    "lexicase": Selection(
        "selLexicase", _by_class_losses(tools.selLexicase), note="cases: validation loss per class"
    ),
    "epsilon-lexicase": Selection(
        "selEpsilonLexicase",
        _by_class_losses(tools.selEpsilonLexicase),
        {"epsilon": 0.01},
        minimum={"epsilon": 0},
        note="cases: validation loss per class",
    ),
    "auto-epsilon-lexicase": Selection(
        "selAutomaticEpsilonLexicase",
        _by_class_losses(tools.selAutomaticEpsilonLexicase),
        note="cases: validation loss per class",
    ),
    "nsga2": Selection(
        "selNSGA2", tools.selNSGA2, objectives=2, algorithms=(PLUS, COMMA), note="writes a Pareto front"
    ),
    "nsga3": Selection(
        "selNSGA3",
        _nsga3,
        {"p": 12},
        2,
        (PLUS, COMMA),
        {"p": 1},
        {"p": MOST},
        note="p + 1 reference points; writes a Pareto front",
    ),
    "spea2": Selection(
        "selSPEA2", tools.selSPEA2, objectives=2, algorithms=(PLUS, COMMA), note="writes a Pareto front"
    ),
    "tournament-dcd": Selection(
        "selTournamentDCD",
        _tournament_dcd,
        objectives=2,
        algorithms=(SIMPLE,),
        multiple=4,
        note="dominance, then crowding; writes a Pareto front",
    ),
    "species": Selection(
        "selSpecies",
        selSpecies,
        {"radius": 0.5, "tournsize": 3},
        minimum={"radius": 0, "tournsize": 1},
        maximum={"radius": 1},
        algorithms=(SIMPLE,),
        note="tournaments among masks nearer than radius; places go by a species' mean merit",
    ),
    "random": Selection("selRandom", tools.selRandom, note="no selection pressure: for controls only"),
    "worst": Selection(
        "selWorst", tools.selWorst, refused="it would keep the worst genomes and lose the best"
    ),
    "nsga3-with-memory": Selection(
        "selNSGA3WithMemory",
        _nsga3,
        refused="its memory between generations would be lost on resuming; take nsga3",
    ),
}
