"""A network whose mask changes while it trains, by the rule of a method."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from copy import deepcopy
from dataclasses import asdict
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from nets_deap.models.architecture import Architecture
from nets_deap.models.layout import INITIAL, Layout
from nets_deap.networks import counters
from nets_deap.networks.backends import make_network
from nets_deap.networks.carried import can_carry, carry
from nets_deap.networks.gather import Gatherer
from nets_deap.networks.masked_module import MaskedModule
from nets_deap.networks.optimizer import Descent
from nets_deap.networks.protocol import Network
from nets_deap.problem.budget import Cost
from nets_deap.problem.recipe import Recipe
from nets_deap.pruning.allocation import keep
from nets_deap.pruning.scores import Candidate, gradient
from nets_deap.util.errors import DivergedError


class Course(NamedTuple):
    """Where a training stands.

    step: the step that is being made, counted from 1; steps: in all; epoch: those of an epoch
    density: the one asked for, at the end
    """

    step: int
    steps: int
    epoch: int
    density: float

    def cosine(self, share: float, end: int) -> float:
        """A share that falls along half a cosine, to 0 at step `end`."""
        return share / 2 * (1 + math.cos(math.pi * self.step / end))


class Moved(NamedTuple):
    """A new mask, bool[n], and how many weights were dropped for it, with those that came back at once.

    pruned: bool[n], those among them that begin anew if they come back; None: none
    """

    mask: np.ndarray
    dropped: int
    pruned: np.ndarray | None = None


class Rule(ABC):
    """When and how a mask changes.

    instead: an update takes the place of a step: the minibatch's gradient goes into the mask alone
    watches: it wants the gradient of all weights at every step
    """

    instead: ClassVar[bool] = False
    watches: ClassVar[bool] = False

    @abstractmethod
    def due(self, course: Course) -> bool:
        """Is there an update at this step?"""

    @abstractmethod
    def moved(self, network: Moving, x: Tensor, targets: Tensor) -> Moved:
        """The new mask. x, targets: the step's minibatch"""

    def aside(self, samples: int) -> Cost:
        """What an update on so many samples costs beside the step of the training."""
        return Cost()

    def watch(self, network: Moving, slope: np.ndarray) -> None:
        """Take note of ∂L/∂θ of all n weights, before the step along it."""
        raise NotImplementedError


class Moving:
    """A network that trains under a mask which a rule moves.

    Between two updates it is what `make_network` gives for the mask, so a step costs what the density costs.
    Where a rule watches all gradients, for optimisers whose memory cannot be carried from one mask to the
    next, and on a GPU, where zeros cost no less, it is a `MaskedModule` with all weights.

    Nodes that a mask has cut off rest, and their running statistics with them, until a mask connects them.
    A weight that stays keeps its value and its optimiser's memory, also if it was dropped and has grown back
    in the same update, as in RigL's own code; not if the rule says that it was `pruned`. A grown weight
    starts at zero without a memory. Where weights or gradients are not finite, the mask stays, so that a
    training which diverges has a result like any other.

    alive: bool[n], the current mask; explored: bool[n], all weights that have ever been active
    updates: one row per update
    cost_aside: what updates have cost besides the steps of the training
    """

    def __init__(
        self,
        architecture: Architecture,
        weights: np.ndarray,
        mask: np.ndarray,
        recipe: Recipe,
        rule: Rule,
        course: Course,
        rng: np.random.Generator,
        extras: np.ndarray = INITIAL,
        device: str = "cpu",
    ) -> None:
        self.architecture, self.recipe, self.rule, self.rng = architecture, recipe, rule, rng
        self.course = course
        self.alive, self.explored = mask.copy(), mask.copy()
        self.updates: list[dict[str, float]] = []
        self.cost_aside = Cost()
        self.momentum: np.ndarray | None = None  # float32[n], where a rule keeps one
        self._gather = Gatherer()
        self._outputs: Tensor | None = None
        self._inner: Network = make_network(architecture, weights, mask, recipe, device, extras=extras)
        on_cpu = torch.device(device).type == "cpu"
        self._wide = rule.watches or not (on_cpu and can_carry(self._inner))
        if self._wide:
            whole = MaskedModule(architecture, weights, np.ones_like(mask), recipe, device, extras=extras)
            if rule.watches:
                whole.watch = lambda slope: rule.watch(self, slope)
            whole.cover(mask)
            self._inner = whole

    @property
    def flat(self) -> Tensor:
        return self._inner.flat

    @property
    def state(self) -> Tensor:
        return self._inner.state

    @property
    def descent(self) -> Descent:
        return self._inner.descent

    @property
    def module(self) -> nn.Module | None:
        return getattr(self._inner, "module", None)

    @property
    def outputs(self) -> Tensor:
        return self._inner.outputs if self._outputs is None else self._outputs

    def forward(self, x: Tensor) -> Tensor:
        return self._inner.forward(x)

    def weights(self) -> np.ndarray:
        """The current weights, [n]; pruned ones are zero."""
        return self._inner.weights()

    def extras(self) -> np.ndarray:
        return self._inner.extras()

    def step(self, x: Tensor, targets: Tensor, chosen: np.ndarray | None = None) -> None:
        """One optimiser step, and an update of the mask where one is due, after the step or instead of it."""
        self.course = self.course._replace(step=self.course.step + 1)
        self._outputs = None
        due = self.rule.due(self.course)
        if not (due and self.rule.instead):
            self._inner.step(x, targets, chosen)
        if not due:
            return
        x, targets = self._gather(x, targets, chosen)
        self._outputs = self.forward(x) if self.rule.instead else self.outputs.clone()
        self.cost_aside += self.rule.aside(len(x))
        try:
            mask, dropped, pruned = self.rule.moved(self, x, targets)
        except DivergedError:
            return
        stays = self.alive & mask
        self._become(mask, stays if pruned is None else stays & ~pruned)
        told = {"density": float(mask.mean()), "explored": float(self.explored.mean())}
        self.updates.append({"step": self.course.step, "moved": dropped} | told)

    def slopes(self, x: Tensor, targets: Tensor) -> np.ndarray:
        """|∂L/∂θ| of all n weights where they are now, by torch: kernels have it of active weights alone."""
        candidate = Candidate(
            self.architecture, self.weights(), self.alive, x, targets, self.rng, self.extras()
        )
        return gradient(candidate)

    def kept(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """What makes it as it is now, besides its state; see `training.standing.Keeping`.

        Weights and extras of nodes that rest are not in the state.
        """
        arrays = {"alive": self.alive.copy(), "explored": self.explored.copy()}
        arrays |= {"weights": self.weights(), "extras": self.extras()}
        if self.momentum is not None:
            arrays["momentum"] = self.momentum.copy()
        draws, cost = self.rng.bit_generator.state, asdict(self.cost_aside)
        return arrays, deepcopy({"updates": self.updates, "cost": cost, "draws": draws})

    def go_on(self, step: int, arrays: dict[str, np.ndarray], told: dict[str, Any]) -> None:
        """Become the network that kept this after so many steps, but for its state."""
        self.course = self.course._replace(step=step)
        arrays = {name: kept.copy() for name, kept in arrays.items()}
        self.alive, self.explored, self.momentum = arrays["alive"], arrays["explored"], arrays.get("momentum")
        self.updates, self.cost_aside = [*told["updates"]], Cost(**told["cost"])
        self.rng.bit_generator.state = told["draws"]
        if isinstance(self._inner, MaskedModule) and self._wide:
            self._inner.cover(self.alive)
        else:
            self._inner = make_network(
                self.architecture, arrays["weights"], self.alive, self.recipe, extras=arrays["extras"]
            )

    def _become(self, mask: np.ndarray, stays: np.ndarray) -> None:
        """Go on under another mask, bool[n], with the values of the weights in `stays`, bool[n]."""
        self.alive = mask
        self.explored |= mask
        if isinstance(self._inner, MaskedModule) and self._wide:
            self._inner.cover(mask, stays)
            return
        weights, old = np.where(stays, self.weights(), np.float32(0)), self._inner
        self._inner = make_network(self.architecture, weights, mask, self.recipe, extras=self.extras())
        self._inner.descent.lr = old.descent.lr
        carry(old, self._inner, stays)
        counters.count_on(self._inner, counters.counted(old))


def exchanged(
    layout: Layout, weights: np.ndarray, alive: np.ndarray, score: np.ndarray, share: float
) -> Moved:
    """Each layer drops a share of its active weights, the smallest, and grows as many of the highest score.

    What it grows is chosen among all that it has not kept, so a weight just dropped may come back at once.

    weights, score: float[n]; alive: bool[n]
    """
    counts = np.array([int(part.sum()) for _, part in layout.split(alive)])
    moved = (share * counts).astype(int)
    kept = keep(layout, np.abs(weights), alive, counts - moved)
    return Moved(kept | keep(layout, score, ~kept, moved), int(moved.sum()))
