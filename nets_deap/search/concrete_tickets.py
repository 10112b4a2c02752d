"""Concrete ticket search: gradients train the probabilities of a relaxed mask (Arora & Teuscher 2025)."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from nets_deap.config.fields import MOST
from nets_deap.models.layout import Layout
from nets_deap.models.losses import Loss
from nets_deap.networks.scored_module import ScoredModule
from nets_deap.problem.budget import Meter
from nets_deap.problem.problem import Problem
from nets_deap.pruning.allocation import active_weights, keep
from nets_deap.search.learned_masks import Beginning, LearnedMask
from nets_deap.search.method import initial, train_within
from nets_deap.util.errors import NetsError, unknown

OBJECTIVES = ("kl", "loss")
TWO_SIDED, ONE_SIDED = "two-sided", "one-sided"
BALANCES = (TWO_SIDED, ONE_SIDED)
LARGEST = 0.999  # probability at first, of a density of 1
FIRST = 0.9  # the probability to keep a weight at first, if both sides are balanced
TOLERANCE, SMOOTHING = 1.1, 0.01  # of the authors' balance


@dataclass(frozen=True)
class ConcreteTickets(LearnedMask):
    """Each weight has a logit, whose sigmoid is the probability to keep it; the highest logits stay.

    Arora & Teuscher 2025 (arXiv:2512.07142): masks are drawn from the binary Concrete distribution
    (Maddison et al. 2017, appendix C), and the masked network imitates the dense one. They balance the
    gradients of objective and density. Adam, its rate of 0.1 and the temperature are theirs. Their code
    (tanayarora09/TLAB) has balance "one-sided" and the schedule `multistep:at=0.875`, it rewinds to epoch 9
    of 160, running statistics normalise there, and images are not augmented.

    objective: "kl", KL(masked ‖ dense) of the outputs, or "loss", that of the labels
    temperature: of the Concrete distribution; 2/3 as Maddison et al. recommend for binary masks
    balance: "two-sided", ours, see `balanced`; or "one-sided", theirs: while the expected density is above
        1.1 times the one wanted, its gradient has the norm of the objective's, below it none (smoothed)
    start_at: the probability that all weights have at first; None: the density wanted where the balance is
        one-sided, as in their code, else 0.9
    rewind: steps that the dense network is trained before; the ticket has the weights of that step
    """

    called: ClassVar[str] = "cts"
    largest: ClassVar[Mapping[str, int]] = {**LearnedMask.largest, "rewind": MOST}

    optimizer: str = "adam"
    lr: float = 0.1
    schedule: str = "constant"
    objective: str = "kl"
    temperature: float = 2 / 3
    balance: str = TWO_SIDED
    start_at: float | None = None
    rewind: int = 0

    def plan(self, layout: Layout, density: float) -> int:
        """The weights that are kept, over all layers."""
        if self.objective not in OBJECTIVES:
            raise unknown("objective of cts", self.objective, OBJECTIVES)
        if self.balance not in BALANCES:
            raise unknown("balance of cts", self.balance, BALANCES)
        if not 0 < self.temperature < np.inf:
            raise NetsError(f"cts: temperature={self.temperature:g}: expected a number above 0")
        if self.start_at is not None and not 0 < self.start_at < 1:
            raise NetsError(f"cts: start_at={self.start_at:g}: expected a number between 0 and 1")
        if self.rewind < 0:
            raise NetsError("cts: rewinding goes to step 0 or later")
        return active_weights(layout, density)

    @property
    def passes(self) -> int:
        """Two with the dense network's, which "loss" does not need."""
        return 2 if self.objective == "kl" else 1

    def rewinds_to(self, problem: Problem) -> int:
        return self.rewind

    def start(
        self, problem: Problem, meter: Meter, density: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        weights, extras = initial(problem, rng)
        if not self.rewind:
            return weights, extras
        part = problem.data_on_device.train
        recipe = problem.recipe.part(0, self.rewind, len(part.y))
        dense, seconds = np.ones(weights.size, dtype=bool), meter.seconds_left()
        trained = train_within(
            meter, problem.architecture, weights, dense, recipe, part, rng, self.rewind, seconds, extras
        )
        return trained.weights(), trained.extras()

    def network(self, given: Beginning) -> Relaxed:
        usual = given.density if self.balance == ONE_SIDED else FIRST
        kept = min(self.start_at or usual, LARGEST)
        logits = np.full(given.weights.size, np.log(kept / (1 - kept)), dtype=np.float32)
        return Relaxed(given, logits, self)

    def ticket_mask(self, network: ScoredModule, density: float) -> np.ndarray:
        logits, layout = network.scores(), network.architecture.layout
        return keep(layout, logits, np.ones(logits.size, dtype=bool), self.plan(layout, density))

    def info(self, problem: Problem) -> dict[str, Any]:
        return super().info(problem) | ({"rewind": self.rewind} if self.rewind else {})


class Relaxed(ScoredModule):
    """The network under masks drawn from the Concrete distribution of its logits."""

    def __init__(self, given: Beginning, logits: np.ndarray, options: ConcreteTickets) -> None:
        super().__init__(given.architecture, given.weights, logits, given.recipe, given.extras, given.device)
        self.options, self.density, self.rng = options, given.density, given.rng.spawn(1)[0]
        self.pull: float | None = None  # on the density, where the balance is one-sided

    def mask(self, scores: Tensor) -> Tensor:
        noise = torch.from_numpy(self.rng.logistic(size=len(scores))).to(scores)
        return torch.sigmoid((scores + noise) / self.options.temperature)

    def loss(self, outputs: Tensor, targets: Tensor, x: Tensor, scores: Tensor) -> Tensor:
        if self.options.objective == "loss":
            return super().loss(outputs, targets, x, scores)
        with torch.no_grad():
            dense = self.run(self.fixed, x, follow=False)
        return divergence(self.architecture.criterion.loss, outputs, dense)

    def kept(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        arrays, told = super().kept()
        return arrays, told | {"draws": deepcopy(self.rng.bit_generator.state), "pull": self.pull}

    def go_on(self, step: int, arrays: dict[str, np.ndarray], told: dict[str, Any]) -> None:
        super().go_on(step, arrays, told)
        self.rng.bit_generator.state, self.pull = told["draws"], told["pull"]

    def direction(self, slope: Tensor, scores: Tensor) -> Tensor:
        if self.options.balance == TWO_SIDED:
            return balanced(slope, scores, self.density)
        self.pull = pulled(slope, scores, self.density, self.pull)
        return slope + self.pull * toward_density(scores)


def balanced(slope: Tensor, logits: Tensor, density: float) -> Tensor:
    """The objective's gradient, and that of the expected density, [n], in balance.

    The second has the norm of the first as long as the expected density is twice the one wanted or more, or
    none; in between its share grows with the distance, (expected − wanted) / wanted.
    """
    toward = toward_density(logits)
    excess = expected_density(logits) / density - 1
    share = min(1.0, max(-1.0, excess))
    return slope + toward * (share * slope.norm() / toward.norm().clamp(min=1e-30))


def pulled(slope: Tensor, logits: Tensor, density: float, before: float | None) -> float:
    """The factor of the density's gradient by the authors' rule. before: that of the last step, if any"""
    now = 0.0
    if expected_density(logits) > TOLERANCE * density:
        now = float(slope.norm() / toward_density(logits).norm().clamp(min=1e-30))
    return now if before is None else (1 - SMOOTHING) * before + SMOOTHING * now


def expected_density(logits: Tensor) -> float:
    return float(torch.sigmoid(logits).double().mean())


def toward_density(logits: Tensor) -> Tensor:
    """The gradient of the expected number of weights, [n]."""
    kept = torch.sigmoid(logits)
    return kept * (1 - kept)


def divergence(loss: Loss, outputs: Tensor, dense: Tensor) -> Tensor:
    """Mean of KL(outputs ‖ dense) over samples, for the outputs [b, outputs, …] of two networks.

    Of classes: of their softmax; of a binary cross-entropy: of each output by itself. Other losses take
    outputs for means of normal distributions of variance 1.
    """
    if loss.function is None and loss.kind == "cross-entropy":
        ours, theirs = outputs.log_softmax(dim=1), dense.log_softmax(dim=1)
        told = (ours.exp() * (ours - theirs)).sum(dim=1)
    elif loss.function is None and loss.kind == "binary":
        sides = [(sign * outputs, sign * dense) for sign in (1, -1)]
        logs = [(torch.nn.functional.logsigmoid(a), torch.nn.functional.logsigmoid(b)) for a, b in sides]
        told = torch.stack([a.exp() * (a - b) for a, b in logs]).sum(dim=0)
    else:
        told = (outputs - dense).square() / 2
    return told.mean()
