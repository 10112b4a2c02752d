"""Many networks of one architecture as stacked tensors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nets_deap.models.architecture import Architecture
from nets_deap.models.layout import INITIAL, Layout
from nets_deap.networks.gather import Gatherer
from nets_deap.networks.optimizer import Descent
from nets_deap.networks.places import Places
from nets_deap.networks.recorded import Recorder, can_record
from nets_deap.problem.recipe import Recipe
from nets_deap.util.errors import NetsError

BLOCK = 32  # networks that are copied to the device at a time


class Stack(ABC):
    """P networks of one architecture as stacked tensors, with their optimiser.

    weights: float32[P, n]; masks: bool[P, n]; or sequences of P such vectors; all are copied
    extras: float32[m], the same for all; initial unless given
    flat: `dtype`[P·(n + t)], on a GPU with gaps (see `Places`), layer by layer, and in each layer network by
    network; the t trained extras come last
    fixed: float32[m − t], the extras that are not trained
    mask: likewise; bool on a GPU, where it is a byte to move, and `dtype` on a CPU, where that is faster
    layers: views of `flat`, the weights [P, *shape] of each layer; trained: those of the trained extras

    Raises NetsError for batch normalisation, since a stack has no place for running statistics, and for an
    optimiser that does not treat each number by itself.
    """

    architecture: Any
    outputs: Tensor

    def __init__(
        self,
        architecture: Architecture,
        weights: Sequence[np.ndarray] | np.ndarray,
        masks: Sequence[np.ndarray] | np.ndarray,
        recipe: Recipe,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
        extras: np.ndarray = INITIAL,
    ) -> None:
        self.architecture = architecture
        self.networks = len(weights)
        extras = architecture.or_initial(extras)
        if architecture.known().keeps_statistics:
            raise NetsError(
                f"{architecture.name} normalises over batches: its networks cannot be trained as one stack: "
                "take the map multiprocess or serial"
            )
        if not recipe.descent.elementwise:
            raise NetsError(
                f"`optimizer` {recipe.optimizer} goes by the matrices of single networks, which cannot be "
                "trained as one stack: take the map multiprocess or serial"
            )
        layout, others = architecture.layout, [extra for extra in architecture.extras if extra.trained]
        trained, self.fixed = np.split(extras, [architecture.trained_extras])
        self.layout = Layout(
            layout.names + tuple(extra.name for extra in others),
            layout.shapes + tuple(extra.shape for extra in others),
        )
        self.places = Places.on(device, [(self.networks, *shape) for shape in self.layout.shapes])
        self.flat = torch.zeros(self.places.starts[-1], device=device, dtype=dtype)
        on_gpu = self.flat.is_cuda
        self.mask = torch.zeros_like(self.flat, dtype=torch.bool if on_gpu else dtype)
        self.layers, self.trained = self._stacked(self.flat)
        self._fill(self.flat, weights, trained)
        self._fill(self.mask, masks, np.ones(trained.size, dtype=bool))
        self.flat.mul_(self.mask)
        self.descent = Descent(recipe, self.flat, networks=self.places.views)
        self._gather = Gatherer()
        replayable = on_gpu and recipe.constant and self.descent.recordable and can_record(architecture)
        self._recorder = Recorder(self.flat.device) if replayable else None

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Outputs [P, n, outputs] of every network for the same samples [n, *shape]."""

    @abstractmethod
    def _step(self, x: Tensor, targets: Tensor) -> Tensor:
        """One optimiser step on a minibatch; the outputs [P, b, outputs] before it."""

    def step(self, x: Tensor, targets: Tensor, chosen: np.ndarray | None = None) -> None:
        """One optimiser step of every network on a minibatch: samples [b, *shape], targets [b, outputs].

        chosen: int64[b], the minibatch's indices into x and targets, which may be longer; None: all samples
        """
        if chosen is None or self._recorder is None:
            self.outputs = self._chosen_step(x, targets, chosen)
        else:
            with torch.cuda.device(self.flat.device):  # where kernels are launched and steps recorded
                self.outputs = self._recorder(self._chosen_step, (x, targets), (torch.from_numpy(chosen),))

    def _chosen_step(self, x: Tensor, targets: Tensor, chosen: np.ndarray | Tensor | None) -> Tensor:
        return self._step(*self._gather(x, targets, chosen))

    def _stacked(self, flat: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """A vector's views [P, *shape]: those of the layers, and those of the trained extras."""
        parts, count = self.places.views(flat), len(self.architecture.layout.names)
        return parts[:count], parts[count:]

    def _fill(self, flat: Tensor, vectors: Sequence[np.ndarray] | np.ndarray, extras: np.ndarray) -> None:
        """Copy each network's vector, [n], and the same trained extras, [t], into a vector like `flat`; block
        by block.
        """
        parts = self.places.views(flat)
        for start in range(0, self.networks, BLOCK):
            block = torch.from_numpy(np.array(vectors[start : start + BLOCK])).to(flat.device)
            others = torch.from_numpy(extras).to(block).expand(len(block), -1)
            self._load([part[start : start + BLOCK] for part in parts], torch.hstack([block, others]))

    def load(self, vectors: Tensor) -> None:
        """Set all weights and trained extras, [P, n + t]."""
        self._load(self.places.views(self.flat), vectors)

    def _load(self, parts: list[Tensor], vectors: Tensor) -> None:
        for part, values in zip(parts, vectors.split(self.layout.sizes, dim=1), strict=True):
            part.copy_(values.view(part.shape))

    def _descend(self, gradient: Tensor) -> None:
        """One optimiser step by the gradient of `flat`; pruned weights stay zero."""
        if self.descent.gradient is None:
            self.flat.add_(gradient, alpha=-self.descent.lr).mul_(self.mask)
        else:
            torch.mul(gradient, self.mask, out=self.descent.gradient)
            self.descent.step()

    def weights(self) -> np.ndarray:
        """The current weights, [P, n]."""
        return self._side_by_side(self.layers)

    def extras(self) -> np.ndarray:
        """The current extras, [P, m]."""
        trained = self._side_by_side(self.trained)
        fixed = np.broadcast_to(self.fixed, (self.networks, self.fixed.size))
        return np.hstack([trained, fixed.astype(trained.dtype)])

    def _side_by_side(self, parts: list[Tensor]) -> np.ndarray:
        empty = self.flat.new_empty(self.networks, 0).cpu()
        return torch.cat([empty, *(part.cpu().flatten(1) for part in parts)], dim=1).numpy()
