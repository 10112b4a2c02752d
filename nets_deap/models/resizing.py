"""Modules with fewer hidden nodes."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nets_deap.models.groups import Groups
from nets_deap.models.layout import Extra

# What a layer calls the sizes of the first two dimensions of its weights
_SIZES: dict[type[nn.Module], tuple[str, ...]] = {
    nn.Linear: ("out_features", "in_features"),
    **dict.fromkeys((nn.Conv1d, nn.Conv2d, nn.Conv3d), ("out_channels", "in_channels")),
    **dict.fromkeys(
        (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d), ("in_channels", "out_channels")
    ),
    **dict.fromkeys((nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d), ("num_features",)),
    nn.PReLU: ("num_parameters",),
}
RESIZABLE = tuple(_SIZES)


def depthwise(layer: nn.Module) -> bool:
    """Is it a convolution of each channel by itself?"""
    groups = getattr(layer, "groups", 1)
    return groups > 1 and groups == layer.in_channels == layer.out_channels


def resized(
    module: nn.Module,
    groups: Groups,
    kept: np.ndarray,
    parameters: Sequence[str],
    extras: Sequence[Extra],
) -> nn.Module:
    """A copy of a module with these nodes alone, and their weights.

    kept: bool[k + 1], as of `Groups.kept`; parameters: the layers' weights, to which the wires belong
    """
    copied = copy.deepcopy(module, {id(each): each for each in (*module.parameters(), *module.buffers())})
    wires = zip(parameters, (wire.sides for wire in groups.wires), strict=True)
    others = zip((extra.name for extra in extras), ((nodes,) for nodes in groups.extras), strict=True)
    for name, sides in (*wires, *others):
        if all(kept[nodes].all() for nodes in sides):
            continue
        layer_name, _, leaf = name.rpartition(".")
        layer: Any = copied.get_submodule(layer_name)
        settle(layer, leaf, _cut(getattr(layer, leaf), [np.flatnonzero(kept[nodes]) for nodes in sides]))
    return copied


def _cut(values: Tensor, places: Sequence[np.ndarray]) -> Tensor:
    """The values at these places along the first dimensions."""
    values = values.detach()
    for dim, chosen in enumerate(places):
        if len(chosen) < values.shape[dim]:
            values = values.index_select(dim, torch.from_numpy(chosen).to(values.device))
    return values


def settle(layer: nn.Module, leaf: str, values: Tensor) -> None:
    """Give a layer other values, and the sizes that follow from its weights."""
    before = getattr(layer, leaf)
    is_parameter = isinstance(before, nn.Parameter)
    setattr(layer, leaf, nn.Parameter(values, before.requires_grad) if is_parameter else values)
    if leaf not in ("weight", "running_mean"):  # a normalisation may have no weight
        return
    whole = depthwise(layer)
    for size, name in zip(values.shape, _SIZES[type(layer)], strict=False):
        setattr(layer, name, size)
    if whole:
        layer.in_channels = layer.groups = layer.out_channels
