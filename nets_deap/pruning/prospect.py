"""Prospect pruning (ProsPr, Alizadeh et al. 2022): weights matter by what the loss is after a few steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nets_deap.pruning.at_initialisation import Pruning
from nets_deap.pruning.scores import Candidate

STEPS, RATE, SAMPLES = 3, 0.1, 128  # defaults of the authors' command line


def prospect(candidate: Candidate, steps: int = STEPS, lr: float = RATE) -> np.ndarray:
    """|∂L(θ_S)/∂c| at c = 1, where θ_0 = c ⊙ θ ⊙ M and θ_{i+1} = θ_i − lr ∂L/∂θ_i for S steps.

    Alizadeh et al. 2022, section 3 and algorithm 1: the gradient goes back through all S steps, which takes
    second derivatives. As the authors' program does by default, all steps use the same samples and no
    momentum, and biases and normalisations move along. Pruned weights stay where they are. Without a step it
    is SNIP. The authors' program refuses a mask that leaves a layer empty; this one gives it.
    """
    import torch

    flat = candidate.active()
    alive = torch.from_numpy(candidate.mask).to(flat)
    trained = candidate.architecture.trained_extras
    others = candidate.architecture.or_initial(candidate.extras)[:trained]
    extras = torch.tensor(others, dtype=flat.dtype, device=flat.device, requires_grad=True)
    now, beside = flat, extras
    for _ in range(steps):
        with candidate.twice_differentiable():
            loss = candidate.loss(now, trained=beside)
        slope, aside = torch.autograd.grad(
            loss, (now, beside), create_graph=True, allow_unused=True, materialize_grads=True
        )
        now, beside = now - lr * slope * alive, beside - lr * aside
    (meta,) = torch.autograd.grad(candidate.loss(now, trained=beside), flat)
    return np.asarray((meta * flat).detach().abs().cpu().numpy())


@dataclass(frozen=True)
class Prospect(Pruning):
    """Pruning by `prospect`.

    steps, lr: of the look ahead; samples: training samples, the same in each step
    """

    score: str = "prospr"
    samples: int = SAMPLES
    steps: int = STEPS
    lr: float = RATE

    @property
    def gradients(self) -> int:
        """One for each step, and the way back through the last loss and each step's gradient."""
        return 2 * self.steps + 1

    @property
    def passes(self) -> int:
        return self.steps + 1

    def scores(self, candidate: Candidate) -> np.ndarray:
        return prospect(candidate, self.steps, self.lr)
