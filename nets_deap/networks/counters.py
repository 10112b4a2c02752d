"""Buffers of a network that count: neither weights nor extras, such as the minibatches that a normalisation
has seen, by which it averages if its `momentum` is None."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn


def counters(network: object) -> dict[str, Tensor]:
    """Name -> buffer of whole numbers or truth values, of the network's module; none without a module."""
    module = getattr(network, "module", None)
    if not isinstance(module, nn.Module):
        return {}
    return {
        name: buffer
        for name, buffer in module.named_buffers()
        if not (buffer.is_floating_point() or buffer.is_complex())
    }


def counted(network: object) -> dict[str, np.ndarray]:
    """Copies of them, int64."""
    return {
        name: buffer.to("cpu", torch.int64, copy=True).numpy() for name, buffer in counters(network).items()
    }


def count_on(network: object, counted: dict[str, np.ndarray]) -> None:
    """Let the network go on from what another one of the same architecture has counted.

    A buffer of another shape, of a network that has other nodes, stays as it is.
    """
    for name, buffer in counters(network).items():
        if name in counted and counted[name].shape == buffer.shape:
            buffer.copy_(torch.from_numpy(counted[name]))
