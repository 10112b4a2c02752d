"""A ticket (θ₀, M): initial weights and mask, with what is needed to train it again (NeTS, Definition 2)."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nets_deap import __version__
from nets_deap.models.architecture import Architecture
from nets_deap.models.layout import INITIAL, Layout
from nets_deap.models.measure import ACCURACY, Measure
from nets_deap.models.metrics import Metric
from nets_deap.models.node_space import live_nodes, narrow
from nets_deap.models.registry import Description, described
from nets_deap.problem import old_tickets
from nets_deap.problem.budget import Cost
from nets_deap.util import json_text, shown
from nets_deap.util.errors import DamagedError, NetsError, shortened
from nets_deap.util.files import parsed
from nets_deap.util.schema import checked
from nets_deap.util.tensors import read_safetensors, write_safetensors

if TYPE_CHECKING:
    from torch import nn

FORMAT, OLD = "nets-deap ticket 2", "nets-deap ticket 1"
Config = dict[str, Any]
Info = dict[str, int | float | str]
KINDS = (np.dtype(np.float32), np.dtype(np.bool_), np.dtype(np.float32))  # of weights, mask, extras


@dataclass(frozen=True, eq=False)
class Ticket:
    """A ticket (θ₀, M) with its architecture.

    weights: float32[n], dormant ones included; mask: bool[n]
    config: of the run that found it; info: facts about the ticket, such as the method that made it
    extras: float32[m], biases and normalisations (`Architecture.extras`); initial unless given
    logbook, cost: of the search that has just found it; they are not saved with it
    """

    weights: np.ndarray
    mask: np.ndarray
    architecture: Architecture
    config: dict[str, Any] = field(default_factory=dict)
    info: dict[str, Any] = field(default_factory=dict)
    extras: np.ndarray = field(default_factory=lambda: INITIAL)
    logbook: list[dict[str, Any]] = field(default_factory=list, repr=False)
    cost: Cost | None = None

    def __post_init__(self) -> None:
        if not self.extras.size and self.architecture.extras:
            object.__setattr__(self, "extras", self.architecture.initial_extras)

    def __repr__(self) -> str:
        return shown.angled(self._told())

    def _told(self) -> str:
        method, accuracy = self.info.get("method"), self.info.get("val_acc")
        by = f" by {method}" if method else ""
        weights = f"{int(self.mask.sum()):,} of {self.layout.size:,} weights"
        scored = f", {self.measure.column('val', accuracy)}" if isinstance(accuracy, float) else ""
        if isinstance(before := self.info.get("untrained_acc"), float):
            scored += f", {self.measure.column('untrained', before)}"
        return f"Ticket{by} for {self.architecture.name}: {weights}, density {self.density:.4f}{scored}"

    def _repr_html_(self) -> str:
        layers = [
            [name, "×".join(map(str, mask.shape)), int(mask.sum()), shown.percent(mask.mean()), mask.mean()]
            for name, mask in self.layout.split(self.mask)
        ]
        rows = [[*cells, shown.bar(share)] for *cells, share in layers]
        return shown.table(self._told(), ["layer", "shape", "active", "density", ""], rows)

    @property
    def measure(self) -> Measure:
        """The metric of its `val_acc`."""
        return Measure(str(self.architecture.criterion.metric))

    @property
    def layout(self) -> Layout:
        return self.architecture.layout

    @property
    def density(self) -> float:
        """Active weights over all prunable weights together (NeTS, Definition 1)."""
        return float(np.mean(self.mask))

    def smaller(self) -> Ticket:
        """A physically smaller ticket without the nodes that the mask has cut off; its outputs are the same.

        Raises NetsError if the mask leaves a group of nodes empty.
        """
        try:
            narrowed = narrow(self.architecture, live_nodes(self.architecture, self.mask))
        except ValueError as error:
            raise NetsError("the mask leaves a group of nodes empty: it has no smaller network") from error
        genes, extras = narrowed.genes, self.extras[narrowed.extras]
        weights, mask = self.weights[genes], self.mask[genes]
        return Ticket(weights, mask, narrowed.architecture, self.config, self.info, extras)

    def apply_to(self, model: nn.Module) -> nn.Module:
        """Give a module of the user's θ₀ ⊙ M and the extras, in place, and return it; see `models.plain`.

        Raises NetsError for a module that has other parameters than the ticket.
        """
        from nets_deap.models.plain import apply

        return apply(model, self.architecture, self.weights, self.mask, self.extras)

    def content(self) -> tuple[bytes, bytes]:
        """The bytes that identify this ticket, for a checksum."""
        return self.weights.tobytes(), self.mask.tobytes()

    def save(self, path: Path | str) -> None:
        """Write a safetensors file atomically. Its metadata is text; config, info and others are JSON."""
        metadata = {
            "format": FORMAT,
            "version": __version__,
            "architecture": json.dumps(self.architecture.description()),
            "dataset": str(self.config.get("dataset", "")),
            "seed": str(self.config.get("seed", "")),
            "density": repr(self.density),
            "config": json_text.dumps(self.config),
            "info": json_text.dumps(_known(self.info)),
        }
        if (metric := self.measure.name) != ACCURACY:
            metadata["metric"] = metric
        tensors = {"weights": self.weights, "mask": self.mask}
        if self.extras.size:
            tensors["extras"] = self.extras
        write_safetensors(Path(path), tensors, metadata)


def _known(info: dict[str, Any]) -> dict[str, Any]:
    """Facts without the figures that are not finite: those of a training that diverged."""
    return {key: v for key, v in info.items() if not (isinstance(v, float) and not math.isfinite(v))}


def load_ticket(path: Path | str) -> Ticket:
    """Read a ticket. Raises NetsError for a file that cannot be read, DamagedError for one that is no ticket
    or not as it was written."""
    path = Path(path)
    if path.is_dir():
        raise NetsError(
            f"cannot read ticket {path}: it is a folder: expected a file, such as ticket.safetensors in it"
        )
    metadata, tensors = read_safetensors(path, "ticket")
    if metadata.get("format") not in (FORMAT, OLD):
        raise DamagedError(f"{path} is a safetensors file but no ticket of format '{FORMAT}'")
    what = f"ticket {path}"
    told = {key: parsed(metadata.get(key, ""), what) for key in ("architecture", "config", "info")}
    config = checked(Config, told["config"], what)
    info = checked(Info, told["info"], what)
    if type(rewind := info.get("rewind", 0)) is not int or rewind < 0:
        raise DamagedError(f"{what} is damaged: it was rewound to step {shortened(str(rewind), 60)}")
    old = metadata["format"] == OLD
    architecture = _architecture(told["architecture"], what, old)
    if "metric" in metadata:
        judged = replace(architecture.criterion, metric=Metric.named(metadata["metric"]))
        architecture = replace(architecture, criterion=judged)
    try:
        weights, mask = tensors["weights"], tensors["mask"]
    except KeyError as error:
        raise DamagedError(f"{what} is damaged: it lacks {error}") from error
    extras = tensors.get("extras", INITIAL)
    kinds = (weights.dtype, mask.dtype, extras.dtype)
    sizes = (architecture.layout.size,), (sum(extra.size for extra in architecture.extras),)
    if (weights.shape, extras.shape) != sizes or mask.shape != weights.shape or kinds != KINDS:
        raise DamagedError(
            f"{path} does not fit its own architecture of {sizes[0][0]:,} weights: it is damaged"
        )
    if not (np.isfinite(weights).all() and np.isfinite(extras).all()):
        raise DamagedError(f"{path} has weights that are not finite: it is damaged")
    if old and extras.size:
        extras = old_tickets.in_our_order(extras, architecture)
    return Ticket(weights, mask, architecture, config, info, extras)


def _architecture(told: Any, what: str, old: bool) -> Architecture:
    """The architecture described in a ticket, with its layers. Raises DamagedError if it is none."""
    try:
        if old:
            architecture = old_tickets.architecture(checked(dict[str, Any], told, what))
        else:
            architecture = described(checked(Description, told, what))
        if min([*architecture.layout.sizes, *(extra.size for extra in architecture.extras)]) < 1:
            raise ValueError("a layer without weights")
    except DamagedError:
        raise
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise DamagedError(f"{what} is damaged: no architecture ({shortened(str(error), 100)})") from error
    return architecture
