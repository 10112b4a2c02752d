"""Modules that a user hands over as they are."""

from __future__ import annotations

import copy
from typing import Any

from torch import nn

from nets_deap.util import shared


class Redrawn:
    """Makes copies of a module, with weights that its layers draw anew.

    What no layer's `reset_parameters` draws stays as it is, and so does what is frozen.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.key = shared.key()

    def __reduce__(self) -> Any:
        return shared.reduced(self.key, self, self.module, Redrawn)

    def __call__(self) -> nn.Module:
        module = copy.deepcopy(self.module)
        for layer in module.modules():
            own = list(layer.parameters(recurse=False))
            if own and not any(parameter.requires_grad for parameter in own):
                continue  # frozen, and so kept as it is
            reset = getattr(layer, "reset_parameters", None) or getattr(layer, "_reset_parameters", None)
            if callable(reset):
                reset()
        return module
