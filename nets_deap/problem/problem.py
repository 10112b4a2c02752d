"""A problem: data set, network, loss and training recipe. Every search method starts from one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nets_deap.data import loading
from nets_deap.data.dataset import Data
from nets_deap.models import losses, metrics, prunable, registry
from nets_deap.models.architecture import Architecture
from nets_deap.models.initialisers import MODULE, Drawing, initial_std, measured_std
from nets_deap.models.layout import INITIAL, Layout
from nets_deap.models.losses import Loss
from nets_deap.models.metrics import Metric
from nets_deap.models.prunable import Predicate
from nets_deap.models.registry import Model
from nets_deap.problem import task
from nets_deap.problem.recipe import Recipe
from nets_deap.util import devices, imports
from nets_deap.util.errors import NetsError, SamplesError


@dataclass(frozen=True)
class Problem:
    """What a search is given. Names and numbers pickle to a few bytes; data are loaded once per process.

    dataset: a name, or `Data` of the user's own; arch: a name, module:function, or a `Model`
    loss, metric: names, or a `Loss` and a `Metric`; None: what suits the network and the targets
    prunable: says which parameters are prunable, by name or by a function; see `models.prunable`
    init: initial weights, of INITIALISERS; "module" are those that the network's factory draws
    device: where its networks are trained and judged, "cpu", "cuda" or "auto"; the results differ by rounding
    """

    dataset: str | Data = "digits"
    arch: str | Model = "lenet-300-100"
    recipe: Recipe = field(default_factory=Recipe)
    init: str = "normal"
    data_dir: str = "data"
    download: bool = False
    data_limit: int | None = None
    validation: float = 0.1
    split_seed: int = 0
    loss: str | Loss | None = None
    metric: str | Metric | None = None
    prunable: str | Predicate | None = None
    device: str = "cpu"

    def fields(self) -> dict[str, Any]:
        """The fields of a config that decide the results of a training on this problem, as text and
        numbers.
        """
        recipe = self.recipe
        told = {
            "dataset": self.dataset_name,
            "data_limit": self.data_limit,
            "validation": self.validation,
            "split_seed": self.split_seed,
            "arch": self.arch_name,
            "init": self.init,
            "optimizer": recipe.optimizer,
            "lr": recipe.lr,
            "batch_size": recipe.batch_size,
            "epochs": recipe.epochs,
            "iterations": recipe.iterations,
            "augment": bool(recipe.augment),
            "schedule": recipe.schedule,
            "clip": recipe.clip,
            "label_smoothing": recipe.label_smoothing,
        }
        own = {"loss": self.loss, "metric": self.metric, "prunable": self.prunable}
        return told | {
            key: imports.name_of(value) if callable(value) and not isinstance(value, Loss) else str(value)
            for key, value in own.items()
            if value is not None
        }

    @property
    def dataset_name(self) -> str:
        return self.dataset if isinstance(self.dataset, str) else self.dataset.name

    @property
    def arch_name(self) -> str:
        return self.arch if isinstance(self.arch, str) else self.arch.name

    @property
    def data(self) -> Data:
        """The data set. Raises NetsError if its files are missing."""
        if isinstance(self.dataset, Data):
            return self.dataset
        return loading.load(
            self.dataset, self.data_dir, self.download, self.data_limit, self.validation, self.split_seed
        )

    @property
    def torch_device(self) -> str:
        """The device, as torch names it. Raises NetsError as `util.devices.resolved` does."""
        return devices.resolved(self.device)

    @property
    def data_on_device(self) -> Data:
        """The data set on the device, its floats in float32."""
        import torch

        return self.data.to(self.torch_device, torch.float32)

    @property
    def architecture(self) -> Architecture:
        """The network. Raises NetsError for samples that it cannot take or that cannot be augmented, for
        outputs that do not fit the targets, and for a minibatch of one sample where it needs two."""
        try:
            made = _architecture(self.arch, self.data, self.loss, self.metric, self.prunable)
        except SamplesError as error:
            if not isinstance(self.dataset, str):
                raise
            raise NetsError(f"{error} (the data set is {self.dataset}: `dataset` names another)") from error
        if self.recipe.augment is True and len(made.input_shape) != 3:
            raise NetsError(
                f"`augment` wants images, and those of {self.dataset_name} are none: leave it out"
            )
        if share := self.recipe.label_smoothing:
            y = self.data.train.y[:1]
            targets = made.targets(y, self.data.train.x.dtype)
            made.criterion.smoothed(targets, share)
        if made.known().needs_two:
            self._check_minibatches()
        return made

    def _check_minibatches(self) -> None:
        """Raise NetsError if a minibatch has one sample."""
        samples = self.recipe.samples(len(self.data.train.y))
        batch = min(self.recipe.batch_size or samples, samples)
        if 1 in (batch, samples % batch):
            raise NetsError(
                f"`batch_size` {self.recipe.batch_size} of {samples:,} samples leaves a minibatch of one, "
                f"which {self.arch_name} cannot normalise: take another"
            )

    @property
    def layout(self) -> Layout:
        return self.architecture.layout

    def initial_std(self) -> np.ndarray:
        """float32[n]: the standard deviation of each weight under this problem's initialiser."""
        if self.init == MODULE:
            return measured_std(self.architecture)
        return initial_std(self.layout, self.init)

    def drawing(self) -> np.ndarray | Callable[[np.random.Generator], np.ndarray]:
        """What `initialisers.draw` draws initial weights from."""
        return Drawing(self.architecture) if self.init == MODULE else self.initial_std()

    def extras(self, seed: int) -> np.ndarray:
        """float32[m]: the initial extras that all genomes of the run with this seed share."""
        return Drawing(self.architecture).extras(seed) if self.init == MODULE else INITIAL


def _own(
    arch: str | Model,
    data: Data,
    loss: str | Loss | None,
    metric: str | Metric | None,
    chosen: str | Predicate | None,
) -> dict[str, str]:
    """What is the user's own among the arguments of `_architecture`."""
    told = registry.own(arch)
    if isinstance(loss, str) and losses.is_own(loss):
        told["loss"] = loss
    if isinstance(metric, str) and metrics.is_own(metric):
        told["metric"] = metric
    if isinstance(chosen, str) and prunable.is_own(chosen):
        told["prunable"] = chosen
    return told


@imports.cached(2, _own)
def _architecture(
    arch: str | Model,
    data: Data,
    loss: str | Loss | None,
    metric: str | Metric | None,
    chosen: str | Predicate | None,
) -> Architecture:
    name = arch if isinstance(arch, str) else arch.name
    criterion = task.criterion(name, data, loss, metric)
    outputs = task.outputs(data, criterion)
    made = registry.build(arch, data.input_shape, outputs, data.input_dtype, prunable.parsed(chosen))
    made = replace(made, criterion=criterion)
    task.check(made, data)
    return made
