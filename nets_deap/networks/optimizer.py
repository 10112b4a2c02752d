"""Optimisers of one flat vector of weights."""

from __future__ import annotations

import torch
from torch import Tensor

from nets_deap.problem.recipe import OPTIMIZERS, Recipe
from nets_deap.util.errors import unknown


class FlatOptimizer:
    """Momentum or Adam for one vector of weights, by torch's fused kernels; it allocates the vector's `grad`.

    It computes the same as `torch.optim` with fused=True. Constructing that optimiser would import torch's
    compiler, which takes seconds in every process.
    """

    def __init__(self, recipe: Recipe, flat: Tensor) -> None:
        self.adam, self.lr, self.flat = recipe.optimizer == "adam", recipe.lr, flat
        self.gradient = flat.grad = torch.zeros_like(flat)
        self.factor = OPTIMIZERS[recipe.optimizer][1].get("momentum", 0.0)
        self.mean = torch.zeros_like(flat)
        if self.adam:
            self.square, self.steps = torch.zeros_like(flat), torch.zeros((), device=flat.device)

    def step(self) -> None:
        weights, gradient, mean = [self.flat], [self.gradient], [self.mean]
        if self.adam:
            self.steps += 1
            torch._fused_adam_(
                weights, gradient, mean, [self.square], [], [self.steps],
                lr=self.lr, beta1=0.9, beta2=0.999, eps=1e-8,
                weight_decay=0.0, amsgrad=False, maximize=False,
            )  # fmt: skip
        else:
            torch._fused_sgd_(
                weights, gradient, mean,
                lr=self.lr, momentum=self.factor, dampening=0.0, is_first_step=False,
                weight_decay=0.0, nesterov=False, maximize=False,
            )  # fmt: skip


def flat_optimizer(recipe: Recipe, flat: Tensor) -> FlatOptimizer | None:
    """The recipe's optimiser for one vector of weights, which gets a `grad`; None for plain SGD.

    Plain SGD needs neither optimiser nor `grad`: the gradient is added to the weights as it is computed.
    Raises NetsError for a name that is not in OPTIMIZERS.
    """
    if recipe.optimizer not in OPTIMIZERS:
        raise unknown("optimizer", recipe.optimizer, OPTIMIZERS)
    if recipe.optimizer == "sgd":
        return None
    return FlatOptimizer(recipe, flat)
