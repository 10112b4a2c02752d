"""Any network in training under a mask, by autograd over the architecture's `nn.Module`.

The way for convolutional networks, and the reference that the tests hold the perceptrons' hand-derived
gradients against.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from nets_deap.models.architecture import INITIAL, Architecture
from nets_deap.models.node_space import narrow_to_mask
from nets_deap.networks.gather import Gatherer
from nets_deap.networks.losses import sample_losses
from nets_deap.networks.optimizer import flat_optimizer
from nets_deap.problem.recipe import Recipe


class MaskedModule:
    """A network of any architecture; what is pruned stays zero, biases and normalisations train along.

    weights: float32[n] and mask: bool[n]; extras: float32[m], initial unless given; all copied. `outputs`
    holds the last batch's. Nodes that the mask has cut off are left out: the module is a smaller one.
    """

    def __init__(
        self,
        architecture: Architecture,
        weights: np.ndarray,
        mask: np.ndarray,
        recipe: Recipe,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
        extras: np.ndarray = INITIAL,
    ) -> None:
        self.architecture = architecture
        self.initial = np.where(mask, weights, np.float32(0))
        self.initial_extras = architecture.or_initial(extras)
        weights, extras = self.initial, self.initial_extras
        self.narrowed = narrow_to_mask(architecture, mask)
        if self.narrowed:
            architecture = self.narrowed.architecture
            genes, others = self.narrowed.genes, self.narrowed.extras
            weights, mask, extras = weights[genes], mask[genes], extras[others]
        self.size = weights.size
        # Parameters and buffers of the module are views of one vector, gradients of another.
        self.state = torch.tensor(np.concatenate([weights, extras]), device=device, dtype=dtype)
        self.flat = self.state[: self.size + architecture.trained_extras]  # what gradients train
        self.mask = torch.ones_like(self.flat)
        self.mask[: self.size] = torch.from_numpy(mask)
        self.lr = recipe.lr
        self.optimizer = flat_optimizer(recipe, self.flat)
        self.gradient = torch.zeros_like(self.flat) if self.flat.grad is None else self.flat.grad
        with torch.device("meta"):  # no initial weights are drawn
            self.module = architecture.module()
        self.module.load_state_dict(
            architecture.named(self.state[: self.size], self.state[self.size :]), assign=True
        )
        gradients = architecture.named(self.gradient[: self.size], self.gradient[self.size :])
        for name, parameter in self.module.named_parameters():
            parameter.requires_grad_()
            parameter.grad = gradients[name]
        self._images = len(architecture.input_shape) == 3
        self._gather = Gatherer()

    def _laid_out(self, x: Tensor) -> Tensor:
        """Images with their channels last in memory: convolutions are faster so."""
        return x.contiguous(memory_format=torch.channels_last) if self._images else x

    def forward(self, x: Tensor) -> Tensor:
        """Outputs [n, outputs] for samples [n, *shape], by the statistics that normalisations have kept."""
        self.module.eval()
        with torch.no_grad():
            return self.module(self._laid_out(x))

    def step(self, x: Tensor, targets: Tensor, chosen: np.ndarray | None = None) -> None:
        """One optimiser step, as `MaskedMLP.step`."""
        x, targets = self._gather(x, targets, chosen)
        self.module.train()
        self.gradient.zero_()
        outputs = self.module(self._laid_out(x))
        sample_losses(outputs, targets, self.architecture.loss).mean().backward()
        self.gradient.mul_(self.mask)
        if self.optimizer is None:
            self.flat.sub_(self.gradient, alpha=self.lr)
        else:
            self.optimizer.step()
        self.outputs = outputs.detach()

    def weights(self) -> np.ndarray:
        """The weights as they stand, [n]."""
        weights = self.state[: self.size].cpu().numpy()
        return self._expanded(weights, self.initial, self.narrowed.genes if self.narrowed else None)

    def extras(self) -> np.ndarray:
        """What else training changes, as it stands, [m]."""
        extras = self.state[self.size :].cpu().numpy()
        return self._expanded(extras, self.initial_extras, self.narrowed.extras if self.narrowed else None)

    @staticmethod
    def _expanded(now: np.ndarray, before: np.ndarray, places: np.ndarray | None) -> np.ndarray:
        """What the smaller network has trained, among what it has left out."""
        if places is None:
            return now.copy()
        whole = before.astype(now.dtype)
        whole[places] = now
        return whole
