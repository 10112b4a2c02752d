"""Architectures by name and as JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import TypeAdapter

from nets_deap.models import convnet, mlp, wideresnet
from nets_deap.models.architecture import INITIAL, Architecture
from nets_deap.models.convnet import ConvNet
from nets_deap.models.mlp import MLP
from nets_deap.models.wideresnet import WideResNet
from nets_deap.util import memory
from nets_deap.util.errors import unknown

if TYPE_CHECKING:
    from torch import Tensor


Builder = Callable[[tuple[int, ...], int], Architecture]  # takes (input_shape, classes)
MODELS: dict[str, Builder] = {
    "mlp-10": mlp.mlp_10,
    "mlp-100": mlp.mlp_100,
    "lenet-300-100": mlp.lenet_300_100,
    "conv-2": convnet.conv_2,
    "conv-4": convnet.conv_4,
    "conv-6": convnet.conv_6,
    "cnn-8-16": convnet.cnn_8_16,
}
BYTES = 13  # that a weight takes in a training: θ₀, mask, weight, gradient
KINDS: dict[str, type[Architecture]] = {"mlp": MLP, "convnet": ConvNet, "wide-resnet": WideResNet}


def check_name(name: str) -> None:
    """Raise NetsError unless `name` is in MODELS or names a wide ResNet."""
    if name not in MODELS and not wideresnet.NAME.fullmatch(name):
        raise unknown("architecture", name, [*MODELS, wideresnet.PATTERN])


def build(name: str, input_shape: tuple[int, ...], classes: int) -> Architecture:
    """The architecture `name` for samples of this shape and this many classes.

    Raises NetsError for an unknown name, for samples that the architecture cannot take, and for a network
    that memory cannot hold.
    """
    check_name(name)
    make = MODELS.get(name) or partial(wideresnet.wide_resnet, name)
    made = make(input_shape, classes)
    memory.check(
        BYTES * float(made.layout.size), f"{name} of {made.layout.size:,} weights", "take a smaller network"
    )
    return made


def described(architecture: Architecture) -> dict[str, Any]:
    """An architecture as a dictionary, ready for JSON."""
    kind = next(name for name, kind in KINDS.items() if type(architecture) is kind)
    return {"kind": kind, **asdict(architecture)}  # type: ignore[call-overload]


def from_description(values: dict[str, Any]) -> Architecture:
    """The architecture that `described` returned. Raises ValueError or KeyError for an invalid dictionary."""
    values = dict(values)
    kind = KINDS[values.pop("kind", "mlp")]
    architecture: Architecture = TypeAdapter(kind).validate_python(values)
    return architecture


def state_dict(
    architecture: Architecture, weights: np.ndarray, mask: np.ndarray, extras: np.ndarray = INITIAL
) -> dict[str, Tensor]:
    """The `state_dict` of the architecture's module: θ₀ ⊙ M and the extras (initial unless given)."""
    import torch

    masked = np.where(mask, weights, np.float32(0))
    others = architecture.or_initial(extras)
    return {name: torch.from_numpy(part.copy()) for name, part in architecture.named(masked, others).items()}
