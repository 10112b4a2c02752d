"""Any network whose weights stay: gradients train a score of each weight, and scores make the mask."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nets_deap.models.architecture import Architecture
from nets_deap.models.layout import INITIAL
from nets_deap.networks.gather import Gatherer
from nets_deap.networks.masked_module import check_step
from nets_deap.networks.optimizer import Descent
from nets_deap.problem.recipe import Recipe


class ScoredModule(ABC):
    """A network θ ⊙ m(s), whose scores s are trained; θ, biases and normalisations are not.

    weights, scores: float32[n], both copied; extras: float32[m], initial unless given
    recipe: how the scores are trained
    flat: the scores; outputs: of the last minibatch

    Only the running statistics of normalisations follow the masked network.
    """

    def __init__(
        self,
        architecture: Architecture,
        weights: np.ndarray,
        scores: np.ndarray,
        recipe: Recipe,
        extras: np.ndarray = INITIAL,
        device: str = "cpu",
    ) -> None:
        self.architecture = architecture
        self.fixed = torch.tensor(weights, device=device)
        self.flat = torch.tensor(scores, device=device)
        self._extras = torch.tensor(architecture.or_initial(extras), device=device)
        self.descent = Descent(
            recipe, self.flat, lambda vector: [v for _, v in architecture.layout.split(vector)]
        )
        self.module = architecture.module().to(device)
        self._gather = Gatherer()

    @abstractmethod
    def mask(self, scores: Tensor) -> Tensor:
        """The mask float[n] of these scores, differentiable."""

    def loss(self, outputs: Tensor, targets: Tensor, x: Tensor, scores: Tensor) -> Tensor:
        """What the scores minimise, for the outputs on a minibatch x, [b, *shape]."""
        return self.architecture.criterion.loss(outputs, targets).mean()

    def direction(self, slope: Tensor, scores: Tensor) -> Tensor:
        """Where the optimiser is sent instead of along the loss's gradient, [n]."""
        return slope

    def stepped(self) -> None:  # noqa: B027  # most do nothing
        """Called after each step."""

    def run(self, weights: Tensor, x: Tensor, follow: bool = True) -> Tensor:
        """Outputs [b, outputs] of the network with these weights, [n], in training mode.

        follow: whether running statistics follow this pass
        """
        self.module.train()
        named = self.architecture.named(weights, self._extras if follow else self._extras.clone())
        outputs: Tensor = torch.func.functional_call(self.module, named, (x,))
        return outputs

    def step(self, x: Tensor, targets: Tensor, chosen: np.ndarray | None = None) -> None:
        """One optimiser step of the scores; see `MaskedMLP.step`. Raises NetsError if memory is too small."""
        if self.flat.device.type == "cpu":
            check_step(self.architecture, len(x) if chosen is None else len(chosen), self.flat.itemsize)
        x, targets = self._gather(x, targets, chosen)
        scores = self.flat.clone().requires_grad_()
        outputs = self.run(self.fixed * self.mask(scores), x)
        (slope,) = torch.autograd.grad(self.loss(outputs, targets, x, scores), scores)
        slope = self.direction(slope, scores.detach())
        if self.descent.gradient is None:
            self.flat.sub_(slope, alpha=self.descent.lr)
        else:
            self.descent.gradient.copy_(slope)
            self.descent.step()
        self.stepped()
        self.outputs = outputs.detach()

    @property
    def state(self) -> Tensor:
        """The scores; the running statistics, which training changes, too, are among the extras in `kept`."""
        return self.flat

    def kept(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """What it has besides the scores; see `training.standing.Keeping`."""
        return {"weights": self.weights(), "extras": self.extras()}, {}

    def go_on(self, step: int, arrays: dict[str, np.ndarray], told: dict[str, Any]) -> None:
        """Become the network that kept this after so many steps, but for its scores."""
        self.fixed.copy_(torch.from_numpy(arrays["weights"]))
        self._extras.copy_(torch.from_numpy(arrays["extras"]))

    def scores(self) -> np.ndarray:
        """float32[n]: the current scores."""
        return self.flat.cpu().numpy().copy()

    def weights(self) -> np.ndarray:
        """float32[n]: the weights, which no training changes."""
        return self.fixed.cpu().numpy().copy()

    def extras(self) -> np.ndarray:
        """float32[m]: biases and normalisations as they were, and running statistics as they are."""
        return self._extras.cpu().numpy().copy()
