"""Tickets of evolution strategies: iterative pruning where an ES trains (Lange & Sprekeler 2023)."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from deap import algorithms, base

from nets_deap.config.fields import MOST, MOST_GENOMES, MOST_KEPT
from nets_deap.models.architecture import Architecture
from nets_deap.models.layout import INITIAL, Layout
from nets_deap.networks.backends import make_network
from nets_deap.networks.scoring import Score, evaluate
from nets_deap.problem.budget import UNLIMITED, Budget, Meter
from nets_deap.problem.problem import Problem
from nets_deap.pruning.allocation import active_weights, keep
from nets_deap.search.cycles import Cycles, State, too_small
from nets_deap.search.method import MOST_SPENT, Stretch, within
from nets_deap.strategies import STRATEGIES
from nets_deap.strategies.openai_es import OpenAIES
from nets_deap.strategies.population_loss import PopulationLoss, Searched
from nets_deap.strategies.strategy import Strategy
from nets_deap.util import inside, memory
from nets_deap.util.errors import NetsError, unknown
from nets_deap.util.threads import one_thread

# Scores of the surviving weights, float64[d], from the final search distribution; the highest stay
PRUNINGS: dict[str, Callable[[Strategy, np.random.Generator], np.ndarray]] = {
    "snr": lambda strategy, rng: np.abs(strategy.mean / strategy.sigma),
    "magnitude": lambda strategy, rng: np.abs(strategy.mean),
    "random": lambda strategy, rng: rng.random(strategy.mean.size),
}


BYTES = 12  # that a number of a population takes: as drawn, in the points, and written into networks


@dataclass(frozen=True)
class ES(Cycles):
    """In each round: train by an ES from the mean θ₀, prune the lowest-scored weights, return to θ₀.

    strategy: a name in STRATEGIES; prune: a name in PRUNINGS, whose scores compete over all layers
    pop, gens, batch: points per generation, generations per round, samples per generation (0: all)
    sigma: initial sigma of every dimension, in every round
    rounds: None: as few as reach the density if each prunes at most `share` of the weights left
    budget: the most forward passes of the whole search, which its rounds share
    track_test: record the test accuracy of each round in the logbook; it decides nothing

    Biases are searched and never pruned. A budget of forward passes or seconds shortens all rounds alike.
    An ES takes no gradient steps.
    """

    fixed = frozenset({"track_test"})
    limited_by = "passes"
    tracks_test = True
    largest: ClassVar[Mapping[str, int]] = {
        "pop": MOST_GENOMES,
        "gens": MOST,
        "batch": MOST,
        "budget": MOST_SPENT,
        "rounds": MOST_KEPT,
    }

    strategy: str = "snes"
    prune: str = "snr"
    pop: int = 64
    gens: int = 300
    batch: int = 256
    sigma: float = 0.05
    rounds: int | None = None
    share: float = 0.2
    budget: int | None = None
    track_test: bool = False

    def needs(self) -> frozenset[str]:
        return super().needs() - {"gradients"}

    def plan(self, layout: Layout, density: float) -> list[int]:
        """The number of weights left after each round."""
        total = active_weights(layout, density)
        ratio = total / layout.size
        rounds = self.rounds or max(1.0, np.ceil(np.log(density) / np.log1p(-self.share) - 1e-9))
        if rounds > MOST_KEPT:
            raise NetsError(
                f"es: share={self.share:g} takes {rounds:.3g} rounds, and {MOST_KEPT:,} are the most: "
                "take a larger one"
            )
        rounds = int(rounds)
        return [round(layout.size * ratio ** (i / rounds)) for i in range(1, rounds + 1)]

    def check(self, problem: Problem, density: float, budget: Budget = UNLIMITED) -> None:
        """Raise NetsError for impossible options, or a budget too small."""
        if self.strategy not in STRATEGIES:
            raise unknown("strategy", self.strategy, STRATEGIES)
        if self.prune not in PRUNINGS:
            raise unknown("pruning of an ES", self.prune, PRUNINGS)
        if STRATEGIES[self.strategy] is OpenAIES and self.prune == "snr":
            raise NetsError(
                "es: openai-es has one sigma for all weights: its signal-to-noise ratio ranks them as their "
                "magnitude does: take prune=magnitude"
            )
        for name, number in {"gens": self.gens, "rounds": self.rounds}.items():
            if number is not None and number < 1:
                raise NetsError(f"es: {name}={number}: expected 1 or more")
        if self.batch < 0:
            raise NetsError(f"es: batch={self.batch}: expected 1 or more, or 0 for all samples")
        if not 0 < self.share < 1:
            raise NetsError(f"es: share={self.share:g}: expected a share of the weights, between 0 and 1")
        if problem.recipe.augment:
            raise NetsError("es: a population is not trained on augmented images: leave `augment` out")
        if problem.architecture.known().keeps_statistics:
            raise NetsError(
                f"es: {problem.arch_name} normalises over batches, which an ES cannot train: take another "
                "`arch`"
            )
        memory.check(
            BYTES * float(self.pop) * problem.layout.size,
            f"es: a population of {self.pop:,} points of {problem.layout.size:,} weights",
            "take a smaller `pop`",
        )
        STRATEGIES[self.strategy](np.zeros(2), self.sigma, self.pop)  # raises NetsError for what it cannot do
        plan = self.plan(problem.layout, density)
        budget = self.limited(budget)
        if budget.forward_passes is None and budget.seconds is None and budget != UNLIMITED:
            raise NetsError(
                "es: it takes no gradient steps, so that a budget of steps or samples does not limit it: "
                "give one of forward passes or seconds"
            )
        if self._generations(problem, Meter(budget), len(plan)) < 1:
            raise too_small("es", "rounds", len(plan))

    def stretched(
        self, problem: Problem, densities: Sequence[float], steps: int, given: Collection[str]
    ) -> Stretch:
        """An ES takes no gradient steps: it may send forward what minibatches of so many steps hold.

        The rounds share these passes, in as many generations as they pay for. If the generations are given,
        there are as many rounds as they pay for, unless these are too few for the density.
        """
        budget = steps * (problem.recipe.batch_size or len(problem.data.train.y))
        if "gens" not in given:
            return Stretch({"budget": budget, "gens": min(MOST, max(1, budget // self._passes(problem)))})
        rounds = budget // (self.gens * self._passes(problem) + len(problem.data.validation.y))
        fits = rounds >= max(len(self.plan(problem.layout, density)) for density in densities)
        more = {"rounds": min(rounds, MOST_KEPT)} if self.rounds is None and fits else {}
        return Stretch({"budget": budget, **more})

    def limited(self, budget: Budget) -> Budget:
        return within(budget, "forward_passes", self.budget)

    def _passes(self, problem: Problem) -> int:
        """Forward passes per generation."""
        available = len(problem.data.train.y)
        return self.pop * min(self.batch or available, available)

    def _generations(self, problem: Problem, meter: Meter, rounds: int) -> int:
        """Generations that the budget allows each of the remaining rounds."""
        limit = meter.budget.forward_passes
        if limit is None:
            return self.gens
        left = limit - meter.cost.forward_passes - rounds * len(problem.data.validation.y)
        return min(self.gens, left // (rounds * self._passes(problem)))

    def info(self, problem: Problem, state: State) -> dict[str, Any]:
        return {"method": f"es-{self.strategy}-{self.prune}", "rounds": state.cycle}

    def train(
        self,
        problem: Problem,
        weights: np.ndarray,
        mask: np.ndarray,
        gens: int,
        rng: np.random.Generator,
        extras: np.ndarray = INITIAL,
        seconds: float = np.inf,
    ) -> tuple[Strategy, Searched, int]:
        """Train from these weights and biases under a mask by an ES, with DEAP's generate and update.

        seconds: time limit, after which no new generation starts; the first one always runs
        Returns the strategy, the parameters that it searched, and the number of generations.
        """
        searched = Searched(problem.architecture, mask, extras)
        part = problem.data_on_device.train
        loss = PopulationLoss(searched, part, self.batch, rng)
        strategy = STRATEGIES[self.strategy](searched.read(weights), self.sigma, self.pop, rng)
        toolbox = base.Toolbox()
        toolbox.register("generate", strategy.generate)
        toolbox.register("update", strategy.update)
        toolbox.register("evaluate", loss)
        toolbox.register("map", loss.map)
        ends, done = time.monotonic() + seconds, 0
        for _ in inside.counted("generation", range(gens), gens):
            algorithms.eaGenerateUpdate(toolbox, ngen=1, verbose=False)
            done += 1
            if time.monotonic() >= ends:
                break
        return strategy, searched, done

    def cycle(self, state: State, problem: Problem, budget: Budget, plan: Sequence[Any]) -> State:
        data, meter = problem.data_on_device, Meter(self.limited(budget), state.cost)
        remaining, validation = len(plan) - state.cycle, len(data.validation.y)
        gens, passes = self._generations(problem, meter, remaining), self._passes(problem)
        if gens < 1 or meter.seconds_left() <= 0:
            raise too_small("es", "rounds", len(plan))
        rng = np.random.default_rng([state.root, state.cycle])
        seconds = meter.seconds_left() / remaining
        strategy, searched, gens = self.train(
            problem, state.rewound, state.mask, gens, rng, state.extras, seconds
        )
        score = score_mean(strategy, searched, problem, "validation")
        meter.spend(forward_passes=gens * passes + validation)
        scores = np.zeros(state.mask.size)
        scores[state.mask] = PRUNINGS[self.prune](strategy, rng)[: searched.active]
        mask = keep(problem.layout, scores, state.mask, plan[state.cycle])
        told = {
            "val_loss": score.loss,
            "val_acc": score.accuracy,
            "sigma": float(np.exp(np.log(strategy.sigma).mean())),
            "forward_passes": gens * passes,
        }
        if self.track_test:
            told["test_acc"] = score_mean(strategy, searched, problem, "test").accuracy
        return state.after(problem.layout, mask, told, meter.cost)


def score_mean(strategy: Strategy, searched: Searched, problem: Problem, part: str) -> Score:
    """Score of the network at the mean of the search distribution, on `validation` or `test`."""
    architecture: Architecture = searched.architecture
    data = problem.data_on_device
    vector = searched.write(strategy.mean[None])[0]
    weights, trained = np.split(vector, [searched.mask.size])
    extras = np.concatenate([trained, searched.extras[trained.size :]])
    network = make_network(
        architecture, weights, searched.mask, problem.recipe, problem.torch_device, extras=extras
    )
    with one_thread():
        return evaluate(network, getattr(data, part), data.cases)
