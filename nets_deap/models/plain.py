"""Into plain PyTorch: a ticket in a module of the user's own, which any training loop may train."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.utils.weak import WeakTensorKeyDictionary

from nets_deap.models.architecture import Architecture
from nets_deap.util.errors import NetsError

_masks: Any = WeakTensorKeyDictionary()  # parameter -> its mask, of all modules that are kept sparse


def apply(
    model: nn.Module, architecture: Architecture, weights: np.ndarray, mask: np.ndarray, extras: np.ndarray
) -> nn.Module:
    """Copy weights ⊙ mask and extras, float32[n] and [m], into a module, in place; returns it.

    Raises NetsError, before anything is changed, for a module that has other parameters than the
    architecture.
    """
    named = architecture.named(np.where(mask, weights, np.float32(0)), extras)
    places = _places(model, architecture)
    with torch.no_grad():
        for name, part in named.items():
            places[name].copy_(torch.from_numpy(np.ascontiguousarray(part)))
        for each in model.modules():  # an average over all minibatches begins anew, too
            if isinstance(counted := getattr(each, "num_batches_tracked", None), Tensor):
                counted.zero_()
    return model


def keep_sparse(model: nn.Module, architecture: Architecture, mask: np.ndarray) -> nn.Module:
    """Keep the pruned weights of a module at zero under any optimiser of torch; returns the module.

    mask: bool[n]

    The gradients of pruned weights are zero, so that they count in no norm and leave no momentum. After each
    step of an optimiser, what it has moved all the same is set back to zero. The module's class, names and
    state_dict stay as they are. A copy of the module is not kept sparse.
    """
    places = _places(model, architecture)
    parts = zip(architecture.parameters, architecture.layout.split(mask), strict=True)
    with torch.no_grad():
        for name, (_, part) in parts:
            parameter = places[name]
            alive = torch.from_numpy(np.ascontiguousarray(part)).to(parameter.device)
            parameter.mul_(alive)
            if parameter not in _masks and parameter.requires_grad:
                parameter.register_hook(_Silenced(parameter))
            _masks[parameter] = alive
    return model


class _Silenced:
    """Zeroes the gradient of what is pruned."""

    def __init__(self, parameter: Tensor) -> None:
        self.key = torch.utils.weak.WeakIdRef(parameter)

    def __call__(self, gradient: Tensor) -> Tensor:
        parameter = self.key()
        mask = _masks.get(parameter) if parameter is not None else None
        return gradient if mask is None else gradient.masked_fill(~mask.to(gradient.device), 0)


def _after_step(optimizer: torch.optim.Optimizer, arguments: Any, keywords: Any) -> None:
    with torch.no_grad():
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                mask = _masks.get(parameter)
                if mask is not None:
                    parameter.masked_fill_(~mask.to(parameter.device), 0)


register_optimizer_step_post_hook(_after_step)


def _places(model: nn.Module, architecture: Architecture) -> dict[str, Tensor]:
    """The module's tensors by name. Raises NetsError unless it has those of the architecture."""
    places = dict(model.named_parameters()) | dict(model.named_buffers())
    shapes = dict(zip(architecture.parameters, architecture.layout.shapes, strict=True))
    shapes |= {extra.name: extra.shape for extra in architecture.extras}
    for name, shape in shapes.items():
        if name not in places:
            raise NetsError(
                f"the ticket is for {architecture.name}, and this {type(model).__name__} has no {name}"
            )
        if tuple(places[name].shape) != shape:
            raise NetsError(
                f"the ticket is for {architecture.name}, whose {name} is {list(shape)}; that of this "
                f"{type(model).__name__} is {list(places[name].shape)}"
            )
    if extra := [name for name, _ in model.named_parameters() if name not in shapes]:
        raise NetsError(f"the ticket is for {architecture.name}, which has no {extra[0]} as this network has")
    return places
