"""Train networks of any architecture as one stack, with autograd."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from nets_deap.models.architecture import Architecture
from nets_deap.models.template import Template
from nets_deap.networks.places import Places
from nets_deap.networks.stack import Stack
from nets_deap.util.errors import NetsError, shortened


def check_stackable(architecture: Architecture) -> None:
    """Raise NetsError for a network that `torch.func.vmap` cannot map, or whose training draws at random."""
    template = architecture.known()
    why = "its training draws random numbers" if template.draws else _unmapped(template)
    if why:
        raise NetsError(
            f"{architecture.name} cannot be trained as one stack, {why}: take the map multiprocess or serial"
        )


@lru_cache(maxsize=4)
def _unmapped(template: Template) -> str:
    """Why torch cannot map a module over its parameters; "" if it can."""
    module = template.instance().train()
    parameters = {name: torch.stack([each, each]) for name, each in module.named_parameters()}

    def total(parameters: dict[str, Tensor]) -> Tensor:
        return torch.func.functional_call(module, parameters, (template.sample(2),)).sum()

    try:
        torch.func.vmap(torch.func.grad(total))(parameters)
        with torch.no_grad():
            torch.func.vmap(total)(parameters)
    except (RuntimeError, TypeError, ValueError, NotImplementedError) as error:
        return f"because torch cannot map it ({shortened(str(error).partition(chr(10))[0], 80)})"
    return ""


class StackedModule(Stack):
    """A stack trained with autograd on the architecture's `nn.Module`, through `torch.func.vmap`.

    For architectures without hand-derived gradients, such as convolutional networks. For the others it is the
    reference that tests compare with.
    """

    def __init__(self, architecture: Architecture, *arguments: Any, **more: Any) -> None:
        super().__init__(architecture, *arguments, **more)
        check_stackable(architecture)
        trained, fixed = ([e for e in architecture.extras if e.trained is wanted] for wanted in (True, False))
        names = [*architecture.parameters, *(extra.name for extra in trained)]
        self.parameters = dict(zip(names, self.places.views(self.flat), strict=True))
        self.module = architecture.module().to(self.flat.device, self.flat.dtype).train()
        places = Places.on(device := self.flat.device, [extra.shape for extra in fixed])
        rest = torch.from_numpy(places.laid_out(self.fixed)).to(device, self.flat.dtype)
        self.others = dict(zip((extra.name for extra in fixed), places.views(rest), strict=True))
        self.gradient = torch.zeros_like(self.flat)
        self.gradients = dict(zip(names, self.places.views(self.gradient), strict=True))

    def _outputs(self, parameters: dict[str, Tensor], x: Tensor) -> Tensor:
        return torch.func.functional_call(self.module, {**self.others, **parameters}, (x,))

    def forward(self, x: Tensor) -> Tensor:
        """Outputs [P, n, outputs] of every network for the same samples [n, *shape]."""
        self.module.eval()
        with torch.no_grad():
            return torch.func.vmap(self._outputs, in_dims=(0, None))(self.parameters, x)

    def _step(self, x: Tensor, targets: Tensor) -> Tensor:
        def loss(parameters: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
            outputs = self._outputs(parameters, x)
            return self.architecture.criterion.loss(outputs, targets).mean(), outputs

        self.module.train()
        gradients, outputs = torch.func.vmap(torch.func.grad(loss, has_aux=True))(self.parameters)
        for name, gradient in gradients.items():
            self.gradients[name].copy_(gradient)
        self._descend(self.gradient)
        return outputs
