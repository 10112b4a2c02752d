"""Train networks of any architecture as one stack, with autograd."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nets_deap.models.architecture import Architecture
from nets_deap.networks.losses import sample_losses
from nets_deap.networks.stack import Stack


class StackedModule(Stack):
    """A stack trained with autograd on the architecture's `nn.Module`, through `torch.func.vmap`.

    For architectures without hand-derived gradients, such as convolutional networks. For the others it is the
    reference that tests compare with.
    """

    def __init__(self, architecture: Architecture, *arguments: Any, **more: Any) -> None:
        super().__init__(architecture, *arguments, **more)
        with torch.device("meta"):
            self.module = architecture.module()
        names = [f"{name}.weight" for name in architecture.layout.names]
        names += [extra.name for extra in architecture.extras]
        self.parameters = dict(zip(names, self.layers, strict=True))
        self.gradient = torch.zeros_like(self.flat)
        self.gradients = dict(zip(names, self._stacked(self.gradient), strict=True))

    def _outputs(self, parameters: dict[str, Tensor], x: Tensor) -> Tensor:
        return torch.func.functional_call(self.module, parameters, (x,))

    def forward(self, x: Tensor) -> Tensor:
        """Outputs [P, n, outputs] of every network for the same samples [n, *shape]."""
        with torch.no_grad():
            return torch.func.vmap(self._outputs, in_dims=(0, None))(self.parameters, x)

    def _step(self, x: Tensor, targets: Tensor) -> Tensor:
        def loss(parameters: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
            outputs = self._outputs(parameters, x)
            return sample_losses(outputs, targets, self.architecture.loss).mean(), outputs

        gradients, outputs = torch.func.vmap(torch.func.grad(loss, has_aux=True))(self.parameters)
        for name, gradient in gradients.items():
            self.gradients[name].copy_(gradient)
        self._descend(self.gradient)
        return outputs
