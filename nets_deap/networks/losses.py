"""The loss of each sample."""

from __future__ import annotations

import torch
from torch import Tensor


def sample_losses(outputs: Tensor, targets: Tensor, loss: str) -> Tensor:
    """Loss of each sample, [n]; its mean is the loss that training minimises."""
    if loss == "mse":
        return (outputs - targets).square().mean(dim=1)
    return -(torch.log_softmax(outputs, dim=1) * targets).sum(dim=1)
