"""Scores: how much each weight matters. Pruning keeps the weights with the highest scores.

The command line's help reads this registry, so torch is imported only when a score is computed.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from nets_deap.models.architecture import Architecture
from nets_deap.models.layout import INITIAL
from nets_deap.util.errors import warn_once
from nets_deap.util.random_streams import training_streams

if TYPE_CHECKING:
    from torch import Tensor

TEMPERATURE = 200.0  # of GraSP's softmax, as in its authors' code


@dataclass(frozen=True, eq=False)
class Candidate:
    """A network whose weights are scored.

    weights: float32[n]; mask: bool[n], the weights that are still alive
    x, targets: samples [b, *shape] and their targets [b, outputs]
    extras: float32[m], biases and normalisations; initial unless given
    """

    architecture: Architecture
    weights: np.ndarray
    mask: np.ndarray
    x: Tensor
    targets: Tensor
    rng: np.random.Generator
    extras: np.ndarray = field(default_factory=lambda: INITIAL)

    def outputs(
        self, flat: Tensor, x: Tensor, training: bool = True, trained: Tensor | None = None
    ) -> Tensor:
        """Outputs [b, outputs] of the network with the weights `flat`, [n]; differentiable.

        training: normalise with the statistics of these samples, as in training, not with running statistics
        trained: in place of those among the extras that gradients train; differentiable, too
        """
        import torch

        others = torch.tensor(self.architecture.or_initial(self.extras), dtype=flat.dtype, device=flat.device)
        named = self.architecture.named(flat, others)
        if trained is not None:
            named |= self.architecture.named(flat, trained)
        module = self.architecture.module().to(flat.device, flat.dtype).train(training)
        with training_streams(np.random.default_rng(0)) if self.architecture.known().draws else nullcontext():
            return torch.func.functional_call(module, named, (x,))

    def twice_differentiable(self) -> AbstractContextManager[None]:
        """Within it `loss` has second derivatives. CuDNN has none of recurrent layers."""
        import torch
        from torch import nn

        recurrent = any(isinstance(layer, nn.RNNBase) for layer in self.architecture.module().modules())
        return torch.backends.cudnn.flags(enabled=False) if recurrent else nullcontext()

    def loss(self, flat: Tensor, temperature: float = 1.0, trained: Tensor | None = None) -> Tensor:
        """Mean loss on the samples of the network with the weights `flat`, [n]; differentiable."""
        outputs = self.outputs(flat, self.x, trained=trained)
        return self.architecture.criterion.loss(outputs / temperature, self.targets).mean()

    def active(self) -> Tensor:
        """θ ⊙ M, in the samples' dtype and on their device, ready for differentiation."""
        import torch

        dtype = self.x.dtype if self.x.is_floating_point() else torch.float32
        active = torch.from_numpy(np.where(self.mask, self.weights, 0)).to(self.x.device, dtype)
        return active.requires_grad_()


Score = Callable[[Candidate], np.ndarray]


def random(candidate: Candidate) -> np.ndarray:
    """No score at all: the control."""
    return candidate.rng.random(candidate.mask.size)


def magnitude(candidate: Candidate) -> np.ndarray:
    """|θ|. Han et al. 2015, section 3; before training in Frankle et al. 2021."""
    return np.abs(candidate.weights)


def gradient(candidate: Candidate) -> np.ndarray:
    """|∂L/∂θ| at θ ⊙ M, for pruned weights too: RigL's growth criterion (Evci et al. 2020, section 3)."""
    import torch

    flat = candidate.active()
    (slope,) = torch.autograd.grad(candidate.loss(flat), flat)
    return slope.abs().cpu().numpy()


def snip(candidate: Candidate) -> np.ndarray:
    """|θ ⊙ ∂L/∂θ|, the loss's sensitivity to a connection. Lee et al. 2019, eq. 5 (unscaled)."""
    return np.asarray(gradient(candidate) * np.abs(candidate.weights) * candidate.mask)


def grasp(candidate: Candidate, temperature: float = TEMPERATURE) -> np.ndarray:
    """θ ⊙ Hg: how much of the gradient's norm is lost without a weight. Wang et al. 2020, eq. 8, negated.

    The paper removes the highest of −θ ⊙ Hg, so the highest of θ ⊙ Hg are kept. g is the gradient of the
    weights that are still alive: pruned ones take no part in the gradient flow. `temperature` divides the
    inputs of the softmax; other losses have none.
    """
    import torch

    if candidate.architecture.criterion.loss.kind != "cross-entropy":
        temperature = 1.0
    flat = candidate.active()
    with candidate.twice_differentiable():
        loss = candidate.loss(flat, temperature)
    (slope,) = torch.autograd.grad(loss, flat, create_graph=True)
    alive = torch.from_numpy(candidate.mask).to(slope)
    (curved,) = torch.autograd.grad(slope @ (slope.detach() * alive), flat)
    return (curved * flat).detach().cpu().numpy()


def synflow(candidate: Candidate) -> np.ndarray:
    """|θ| ⊙ ∂R/∂|θ| with R = 1ᵀ |θ_L| … |θ_1| 1; it needs no data. Tanaka et al. 2020, eq. 3.

    Computed in float64, because products over many layers overflow or underflow float32.
    """
    perceptron = candidate.architecture.perceptron
    if perceptron is None:
        return _flow(replace(candidate, extras=INITIAL))
    if perceptron.activation != "relu":
        _warn(candidate, f"has the activation {perceptron.activation}, which is taken for a straight line")
    parts = [
        np.abs(part).astype(np.float64)
        for _, part in candidate.architecture.layout.split(np.where(candidate.mask, candidate.weights, 0))
    ]
    up = [np.ones(parts[0].shape[1])]  # the flow from the inputs to each layer's inputs
    for part in parts[:-1]:
        up.append(part @ up[-1])
    down = np.ones(parts[-1].shape[0])  # and from the outputs down to each layer's outputs
    flows = []
    for part, arriving in zip(reversed(parts), reversed(up), strict=True):
        flows.append(part * np.outer(down, arriving))
        down = part.T @ down
    return np.concatenate([flow.ravel() for flow in reversed(flows)])


def _flow(candidate: Candidate) -> np.ndarray:
    """SynFlow by autograd.

    With inputs of 1 and non-negative weights, ReLU, pooling and an untrained normalisation are linear.
    """
    import torch

    positive = np.abs(np.where(candidate.mask, candidate.weights, 0)).astype(np.float64)
    flat = torch.from_numpy(positive).requires_grad_()
    tokens = candidate.architecture.input_dtype.startswith("int")
    inputs = torch.ones(1, *candidate.architecture.input_shape, dtype=torch.int64 if tokens else flat.dtype)
    outputs = candidate.outputs(flat, inputs, training=False)
    _check_flow(candidate, flat, inputs, outputs)
    (slope,) = torch.autograd.grad(outputs.sum(), flat)
    return (slope * flat).detach().numpy()


def _check_flow(candidate: Candidate, flat: Tensor, inputs: Tensor, outputs: Tensor) -> None:
    """Warn if the network is not linear in non-negative inputs, so that no flow is conserved in it."""
    import torch

    why = ""
    if not inputs.is_floating_point():
        why = "reads token ids, which carry no flow"
    else:
        with torch.no_grad():
            twice = candidate.outputs(flat, 2 * inputs, training=False)
        if not torch.allclose(twice, 2 * outputs, rtol=1e-6):
            why = (
                "is not linear even with positive weights (attention, a sigmoid, a normalisation of samples)"
            )
    if why:
        _warn(candidate, why)


def _warn(candidate: Candidate, why: str) -> None:
    name = candidate.architecture.name
    warn_once(f"synflow: {name} {why}: its scores are not the flow that the method is derived for")


# name -> gradients on the samples that it computes; the other scores use no samples
GRADIENTS = {"gradient": 1, "snip": 1, "grasp": 2}
SCORES: dict[str, Score] = {
    "random": random,
    "magnitude": magnitude,
    "gradient": gradient,
    "snip": snip,
    "grasp": grasp,
    "synflow": synflow,
}
