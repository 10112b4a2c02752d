"""Where a training stands between two steps: enough to go on as if it had never stopped."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch

from nets_deap.networks import counters
from nets_deap.networks.protocol import Stateful
from nets_deap.util import files, json_text, tensors
from nets_deap.util.errors import DamagedError, NetsError
from nets_deap.util.seldom import Seldom

Row = dict[str, float]
FORMAT = "nets-deap training 1"
EARLY_STOP = ("early_stop.weights", "early_stop.extras")
MEMORY = "memory."  # prefix of the optimiser's tensors
OWN, COUNT = "own.", "count."  # prefixes of what the network keeps, and of what its module counts


class UnfitError(NetsError):
    """A training stands where only another device, or other kernels, can go on."""


@runtime_checkable
class Keeping(Protocol):
    """A network that has more to keep than its state, such as one whose mask moves."""

    def kept(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """What it has: arrays, copied, and what JSON holds."""

    def go_on(self, step: int, arrays: dict[str, np.ndarray], told: dict[str, Any]) -> None:
        """Become the network that kept this after so many steps."""


@dataclass(frozen=True)
class Standing:
    """A training after so many steps.

    state: float32[k], the network's; memory: the optimiser's tensors; draws: as `Draws.standing` tells them
    early_stop: float32[n] and float32[m], weights and extras at the least validation loss so far; empty if
        nothing is scored on the way
    counts: int64 arrays, see `networks.counters`
    arrays, told: what a network keeps that is `Keeping`; a search adds to the latter what it needs
    """

    step: int
    rows: list[Row]
    state: np.ndarray
    early_stop: tuple[np.ndarray, np.ndarray]
    memory: dict[str, np.ndarray]
    draws: dict[str, Any]
    counts: dict[str, np.ndarray] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        network: Stateful,
        step: int,
        rows: list[Row],
        early_stop: tuple[np.ndarray, np.ndarray],
        draws: dict[str, Any],
    ) -> Standing:
        """A copy, which further steps do not change."""
        memory = {name: _copied(kept) for name, kept in network.descent.memory().items()}
        own = network.kept() if isinstance(network, Keeping) else ()
        state, counts = _copied(network.state), counters.counted(network)
        return cls(step, rows.copy(), state, early_stop, memory, draws, counts, *own)

    def best(self, settled: int = 0) -> float:
        """The least validation loss so far, from a step on."""
        losses = [row["val_loss"] for row in self.rows if row["iteration"] >= settled]
        return min((loss for loss in losses if not math.isnan(loss)), default=math.inf)

    def restore(self, network: Stateful) -> None:
        """Take a new network, with the ticket's weights, to where this training stood.

        Raises UnfitError if it is computed in another way, and so laid out in another.
        """
        if isinstance(network, Keeping):
            network.go_on(self.step, self.arrays, self.told)
        if self.state.size != network.state.numel():
            raise UnfitError(
                "the training began on another `device`, or without the compiled kernels that are here now: "
                "go on there, or begin it anew by `fresh`"
            )
        network.state.copy_(torch.from_numpy(self.state))
        network.descent.remember({name: torch.from_numpy(kept) for name, kept in self.memory.items()})
        counters.count_on(network, self.counts)

    def save(self, path: Path, training: str) -> None:
        """Write it; `training`: a name that only this training has."""
        told = {"step": self.step, "rows": self.rows, "draws": self.draws, "own": self.told}
        tensors.write_safetensors(
            path,
            {
                "state": self.state,
                **dict(zip(EARLY_STOP, self.early_stop, strict=True)),
                **{f"{MEMORY}{name}": kept for name, kept in self.memory.items()},
                **{f"{OWN}{name}": kept for name, kept in self.arrays.items()},
                **{f"{COUNT}{name}": kept for name, kept in self.counts.items()},
            },
            {"format": FORMAT, "training": training, "told": json_text.kept(told)},
        )

    @classmethod
    def load(cls, path: Path, training: str) -> Standing:
        """Raises DamagedError for a file that is none of a training, NetsError for that of another one."""
        metadata, found = tensors.read_safetensors(path, "training")
        if metadata.get("format") != FORMAT or tensors.DIGEST not in metadata:
            raise DamagedError(f"{path} is damaged: it is not where a training of ours stands")
        try:
            known, told = metadata["training"], json_text.restored(files.parsed(metadata["told"], path))
            weights, extras = (found[name] for name in EARLY_STOP)
            memory, arrays, counts = (_with(prefix, found) for prefix in (MEMORY, OWN, COUNT))
            standing = cls(
                told["step"],
                told["rows"],
                found["state"],
                (weights, extras),
                memory,
                told["draws"],
                counts,
                arrays,
                told.get("own", {}),
            )
        except (KeyError, TypeError) as error:
            raise DamagedError(f"{path} is damaged: it lacks {error}") from error
        if known != training:
            raise NetsError(
                f"{path.parent} holds another training, which is unfinished: choose another `out`, or `fresh`"
            )
        return standing


def _with(prefix: str, found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): kept for name, kept in found.items() if name.startswith(prefix)}


def _copied(kept: torch.Tensor) -> np.ndarray:
    copied: np.ndarray = kept.detach().cpu().numpy().copy()
    return copied


class Kept:
    """The file of where a training stands, written now and then, and when the training is interrupted.

    path: the file; training: a name that only this training has
    on_written: called with what has been written
    """

    def __init__(
        self, path: Path, training: str, on_written: Callable[[Standing], None] | None = None
    ) -> None:
        self.path, self.training, self.on_written = path, training, on_written
        self._newest: Standing | None = None
        self._seldom = Seldom()

    def load(self) -> Standing | None:
        """Where the training stands; None at its beginning. Raises errors as `Standing.load` does."""
        if not self.path.exists():
            return None
        try:
            return Standing.load(self.path, self.training)
        except DamagedError as error:
            raise DamagedError(f"{error}: begin anew by `fresh`, or remove the file") from error

    def note(self, standing: Standing) -> None:
        """Keep it, and write it if it is time to."""
        self._newest = standing
        if self.due():
            self.write()

    def due(self) -> bool:
        """Is it time to write?"""
        return self._seldom.due()

    def write(self) -> None:
        """Write the newest, if it is not written."""
        if self._newest is None:
            return
        with self._seldom.writing():
            self._newest.save(self.path, self.training)
            if self.on_written:
                self.on_written(self._newest)
            self._newest = None

    def __enter__(self) -> Kept:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, KeyboardInterrupt):
            self.write()
