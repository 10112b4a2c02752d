"""The genome: a network's initial weights and a binary mask, as a DEAP individual.

Gene i is the pair (weights[i], mask[i]); it moves as one unit (NeTS paper, Definition 4).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from deap import base

from nets_deap.individuals.evaluation import Evaluation, MinimisedFitness
from nets_deap.models.initialisers import draw
from nets_deap.util import memory, shown
from nets_deap.util.random_streams import as_generator


class Origin(NamedTuple):
    """Where a genome comes from, for the record of a run.

    birth: number of its birth, or while it is varied of its parent's; None: it was drawn
    by: operators that have changed it since; mate: number of the birth of whom it was crossed with
    """

    birth: int | None = None
    by: tuple[str, ...] = ()
    mate: int | None = None


class Genome:
    """A DEAP individual.

    weights: float32[n], the initial weights θ₀ of all prunable layers, including dormant ones
    mask:    bool[n], True where the weight is expressed
    fitness: a `deap.base.Fitness`
    traits:  name -> float64 vector, what evolves besides the genes: layer shares, rates, …
    measured: what the last evaluation measured, or None; `evaluation` returns it while it is valid
    origin: where it comes from; it takes no part in what a genome is
    """

    origin = Origin()

    def __init__(
        self,
        weights: np.ndarray,
        mask: np.ndarray,
        fitness: type[base.Fitness] | None = None,
    ) -> None:
        """fitness: None is `MinimisedFitness`, or what a class from DEAP's `creator` has."""
        self.weights = np.ascontiguousarray(weights, dtype=np.float32)
        self.mask = np.ascontiguousarray(mask, dtype=bool)
        if self.weights.ndim != 1 or self.weights.shape != self.mask.shape:
            raise ValueError(
                f"weights and mask must be vectors of one length, got {weights.shape} and {mask.shape}"
            )
        if fitness is not None or "fitness" not in vars(self):  # DEAP's `creator` sets it beforehand
            self.fitness = (fitness or MinimisedFitness)()
        self.traits: dict[str, np.ndarray] = {}
        self.measured: Evaluation | None = None

    @property
    def evaluation(self) -> Evaluation | None:
        """What the last evaluation measured; None if the fitness no longer agrees with it.

        That happens once variation has invalidated the fitness, or if other code has set the fitness.
        """
        measured = self.measured
        holds = measured is not None and self.fitness.valid and self.fitness.values == measured.values
        return measured if holds else None

    @property
    def density(self) -> float:
        """Active weights as a share of all prunable weights (NeTS paper, Definition 1)."""
        return len(self) / self.mask.size

    def __len__(self) -> int:
        """Number of active weights: the size that DEAP's parsimony tournaments compare."""
        return int(np.count_nonzero(self.mask))

    def __bool__(self) -> bool:
        return True  # an all-dormant genome is still a genome, though its length is 0

    def same_genes(self, other: Genome) -> bool:
        """Equal weights and equal mask."""
        return np.array_equal(self.mask, other.mask) and np.array_equal(self.weights, other.weights)

    def exchange(self, other: Genome, ours: np.ndarray, theirs: np.ndarray) -> None:
        """Exchange the traces of genes that crossover moved: `ours` came from `other`, `theirs` from here.

        ours, theirs: bool[n] each
        """
        if self.measured is None or other.measured is None:
            return
        here, there = self.measured, other.measured
        common = here.traces.keys() & there.traces.keys()
        mixed = {name: np.where(ours, there.traces[name], here.traces[name]) for name in common}
        back = {name: np.where(theirs, here.traces[name], there.traces[name]) for name in common}
        self.measured = replace(here, traces={**here.traces, **mixed})
        other.measured = replace(there, traces={**there.traces, **back})

    def content(self) -> bytes:
        """A digest of genes and traits: genomes with the same digest have the same evaluation."""
        digest = hashlib.sha256(self.mask.data)
        digest.update(self.weights.data)
        for name in sorted(self.traits):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(self.traits[name]).data)
        return digest.digest()

    def identical(self, other: Genome) -> bool:
        """Equal genes, traits and fitness: the `similar` of a hall of fame.

        A clone evaluated in another generation, on other minibatches, is not identical: its fitness differs.
        """
        return (
            bool(self.fitness.wvalues == other.fitness.wvalues)
            and self.traits.keys() == other.traits.keys()
            and all(np.array_equal(value, other.traits[name]) for name, value in self.traits.items())
            and self.same_genes(other)
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> Genome:
        # DEAP clones by deepcopy. An evaluation is immutable; attributes set by other code are copied too.
        copy = object.__new__(type(self))
        ours = {
            "weights": self.weights.copy(),
            "mask": self.mask.copy(),
            "traits": {name: value.copy() for name, value in self.traits.items()},
            "measured": self.evaluation,
        }
        theirs = {key: deepcopy(value, memo) for key, value in self.__dict__.items() if key not in ours}
        copy.__dict__.update(theirs, **ours)
        return copy

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "measured": self.evaluation}

    def __repr__(self) -> str:
        return shown.angled(self._told())

    def _told(self) -> str:
        fitness = ", ".join(f"{v:.4g}" for v in self.fitness.values) or "not evaluated"
        scored = f", val_acc {self.evaluation.val_acc:.4f}" if self.evaluation else ""
        return f"Genome of {self.mask.size:,} genes, density {self.density:.4f}, fitness {fitness}{scored}"

    def _repr_html_(self) -> str:
        rows: list[list[object]] = [["active", len(self)], ["density", shown.percent(self.density)]]
        if told := self.evaluation:
            names = ("val_loss", "val_acc", "untrained_loss", "untrained_acc", "generation")
            rows += [[name, value] for name in names if (value := getattr(told, name)) is not None]
        rows += [[f"trait {name}", f"{value.size:,} numbers"] for name, value in self.traits.items()]
        return shown.table(self._told(), ["", ""], rows)


def initGenome(
    std: np.ndarray | Callable[[np.random.Generator], np.ndarray],
    density: float,
    fitness: type[base.Fitness] | None = None,
    rng: np.random.Generator | None = None,
    kind: type[Genome] = Genome,
) -> Genome:
    """A fresh genome: weights from N(0, std²), each mask bit 1 with probability `density`.

    std: float32[n], from `initial_std`, or a function of a Generator that returns weights. Every call
    draws its own weights and its own mask.
    kind: `Genome`, or a class from DEAP's `creator` that is based on it
    """
    rng = as_generator(rng)
    weights = draw(std, rng)
    return kind(weights, rng.random(weights.size, dtype=np.float32) < density, fitness)


def check_memory(count: int, size: int) -> None:
    """Raise NetsError, before any is made, if memory does not hold so many genomes of `size` weights."""
    each = np.dtype(np.float32).itemsize + np.dtype(bool).itemsize
    memory.check(float(count) * size * each, f"{count:,} genomes of {size:,} weights", "take a smaller `pop`")
