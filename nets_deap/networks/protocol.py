"""The methods that a network must have to be trained, scored and read out."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from torch import Tensor

from nets_deap.models.architecture import Architecture
from nets_deap.networks.optimizer import Descent


class Trainable(Protocol):
    """What `train` needs of a network, or of a stack of networks that train together."""

    @property
    def architecture(self) -> Architecture: ...

    @property
    def flat(self) -> Tensor: ...

    @property
    def outputs(self) -> Tensor: ...

    @property
    def descent(self) -> Descent: ...

    def step(self, x: Tensor, targets: Tensor, chosen: np.ndarray | None = None) -> None: ...


class Stateful(Trainable, Protocol):
    """One network whose training can go on where it stands."""

    @property
    def state(self) -> Tensor: ...  # all that training changes, besides the memory of `descent`


class Network(Stateful, Protocol):
    """One network that can be trained, scored and read out."""

    def forward(self, x: Tensor) -> Tensor: ...

    def weights(self) -> np.ndarray: ...

    def extras(self) -> np.ndarray: ...
