"""A GPU replays recorded steps of our networks alone: a recording does not run Python code again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from torch import nn

from nets_deap.models.criterion import Criterion
from nets_deap.models.losses import Loss
from nets_deap.models.registry import build
from nets_deap.networks.recorded import can_record
from tests.architectures import of


@pytest.mark.parametrize("name", ["lenet-300-100", "lenet-5", "resnet-8", "vit"])
def test_our_networks_are_recorded(name: str) -> None:
    assert can_record(build(name, (3, 16, 16), 10))


def test_code_of_the_users_own_and_random_draws_are_not() -> None:
    ours = build("cnn-8-16", (1, 8, 8), 10)
    own_loss = Loss("mine:loss", function=lambda outputs, targets: outputs.square().mean(dim=1))
    assert not can_record(replace(ours, criterion=Criterion(own_loss)))
    assert not can_record(of(lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), (1, 8, 8), 10))
    assert can_record(build("torchvision:resnet18", (3, 32, 32), 10))
    assert not can_record(build("torchvision:alexnet", (3, 64, 64), 10))  # dropout
