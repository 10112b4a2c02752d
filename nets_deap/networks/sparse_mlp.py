"""Training whose cost follows the density: a sparse layer stores only its active weights.

The inner loops are compiled (`kernels/mlp.h`). torch's own sparse products are also faster than its dense
ones, but by much less: at density 5 %, 3 times for the forward product and hardly at all for the gradient.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nets_deap.models.architecture import Architecture
from nets_deap.models.layout import INITIAL
from nets_deap.networks.kernels.library import ACTIVATIONS, DTYPES, LOSSES, KernelLayer, best_variant, kernels
from nets_deap.networks.optimizer import Descent
from nets_deap.networks.perceptron import has_gradients, loss_scale
from nets_deap.problem.recipe import Recipe

DENSE_FROM = 0.28  # from this layer density on, a dense product is faster (measured with AVX-512)
BLOCK_BYTES = 256  # of one unit's activations for a block of samples


def computes(architecture: Architecture, dtype: torch.dtype) -> bool:
    """Are there kernels for this?"""
    if dtype not in DTYPES or architecture.criterion.kind not in LOSSES or not has_gradients(architecture):
        return False
    assert architecture.perceptron
    return not architecture.perceptron.at_outputs


class _Batch:
    """Buffers for one batch size: its samples in blocks, and activations and errors of every layer.

    x: [blocks, units, block], the last block padded with zeros; activations and errors have this layout too
    """

    def __init__(self, network: SparseMLP, samples: int) -> None:
        blocks = -(-samples // network.block)

        def empty(units: int) -> Tensor:
            return network.flat.new_empty(blocks, units, network.block)

        widths = network.widths
        self.samples, self.blocks = samples, blocks
        self.x = empty(widths[0])
        self.activations = [empty(units) for units in widths[1:]]
        self.errors = [empty(units) for units in widths[1:]]
        # The gradient of a dense layer reads the layer's inputs sample by sample.
        self.below = [
            network.flat.new_empty(samples if layer.dense else 0, layer_width)
            for layer, layer_width in zip(network.layers, widths, strict=False)
        ]
        self.layers = (KernelLayer * len(network.layers))()
        for i, layer in enumerate(network.layers):
            gradient, bias, slope = (
                parts[i].data_ptr() if parts else None
                for parts in (network.gradients, network.biases, network.bias_gradients)
            )
            self.layers[i] = KernelLayer(
                widths[i + 1], widths[i], len(network.values[i]), network.activations[i], *layer.addresses(),
                network.values[i].data_ptr(), gradient,
                self.activations[i].data_ptr(), self.errors[i].data_ptr(), self.below[i].data_ptr(),
                bias, slope,
            )  # fmt: skip
        self.address = ctypes.addressof(self.layers)
        self.x_address = self.x.data_ptr()
        self.scale = loss_scale(network.architecture, samples)

    @property
    def outputs(self) -> Tensor:
        """[samples, outputs]"""
        return self.activations[-1].transpose(1, 2).flatten(0, 1)[: self.samples]


class _Places:
    """How a layer's weights are stored: as compressed rows, or as the whole matrix with a mask.

    genes: int[k], positions of the stored weights among the layer's rows · cols
    """

    def __init__(self, mask: np.ndarray) -> None:
        self.dense = bool(mask.mean() >= DENSE_FROM)
        if self.dense:
            self.genes = np.arange(mask.size)
            self._mask = None if mask.all() else mask.astype(np.uint8)
            self._compressed = None
            return
        self.genes = np.flatnonzero(mask)
        row, col = np.divmod(self.genes, mask.shape[1])
        start = np.searchsorted(row, np.arange(len(mask) + 1))
        self._compressed = [places.astype(np.int32) for places in (start, row, col)]

    def addresses(self) -> tuple[int | None, ...]:
        """Addresses of start, row, col and mask; None for an array that the layer does not have."""
        if self._compressed is None:
            return None, None, None, None if self._mask is None else self._mask.ctypes.data
        return *(places.ctypes.data for places in self._compressed), None


class SparseMLP:
    """`masked_mlp.MaskedMLP` at a cost that follows the number of active weights. It runs on CPUs only.

    weights: float32[n]; mask: bool[n]; extras: float32[m], the biases, initial unless given; all are copied
    genes: int[k], positions of the stored weights: the active ones of sparse layers, all of dense layers
    flat: `dtype`[k + m], the stored weights, then the biases; `values` and `biases` are its parts, layer by
    layer

    Raises ValueError for an architecture or dtype without kernels, and for samples or targets that do not
    fit; RuntimeError if the kernels are not built.
    """

    def __init__(
        self,
        architecture: Architecture,
        weights: np.ndarray,
        mask: np.ndarray,
        recipe: Recipe,
        dtype: torch.dtype = torch.float32,
        extras: np.ndarray = INITIAL,
    ) -> None:
        if not computes(architecture, dtype):
            raise ValueError(
                f"no kernels for {architecture.name} with {architecture.criterion.loss} and {dtype}"
            )
        assert architecture.perceptron
        perceptron = architecture.perceptron
        self.widths = perceptron.widths
        kinds = (
            perceptron.activation if perceptron.activates(i) else "none" for i in range(len(self.widths) - 1)
        )
        self.activations = [ACTIVATIONS.index(kind) for kind in kinds]
        self.loss = LOSSES.index(architecture.criterion.kind)
        self._forward, self._step = kernels(dtype, best_variant())
        self.architecture = architecture
        self.block = BLOCK_BYTES // dtype.itemsize
        self.layers = [_Places(part) for _, part in architecture.layout.split(mask)]
        starts = np.cumsum([0, *architecture.layout.sizes])
        self.genes = np.concatenate(
            [start + layer.genes for start, layer in zip(starts, self.layers, strict=False)]
        )
        values = np.concatenate([np.where(mask, weights, 0)[self.genes], architecture.or_initial(extras)])
        self.flat = torch.tensor(values, dtype=dtype)
        self.descent = Descent(recipe, self.flat)
        self.values, self.biases = self._parts(self.flat)
        gradient = self.descent.gradient
        self.gradients, self.bias_gradients = ((), ()) if gradient is None else self._parts(gradient)
        self._batches: dict[int, _Batch] = {}
        self._accepted: tuple[Any, ...] = ()
        self._last: _Batch | None = None

    def _parts(self, flat: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """The weights and the biases of each layer; no biases where it has none."""
        sizes = [len(layer.genes) for layer in self.layers]
        units = self.widths[1:] if flat.numel() > len(self.genes) else ()
        parts = flat.split([*sizes, *units])
        return parts[: len(sizes)], parts[len(sizes) :]

    def _checked(self, tensor: Tensor, units: int) -> Tensor:
        """[n, *shape] as contiguous [n, units]. Checked here, because the kernels check nothing."""
        tensor = tensor.flatten(1).contiguous()
        if tensor.shape[1] != units or tensor.dtype != self.flat.dtype or tensor.device.type != "cpu":
            raise ValueError(
                f"expected {self.flat.dtype}[n, {units}] on the CPU, "
                f"got {tensor.dtype}{list(tensor.shape)} on {tensor.device}"
            )
        return tensor

    def _batch(self, samples: int) -> _Batch:
        """Buffers for a minibatch, allocated once for each batch size."""
        if not samples:
            raise ValueError("a minibatch without samples")
        if samples not in self._batches:
            self._batches[samples] = _Batch(self, samples)
        return self._batches[samples]

    def forward(self, x: Tensor) -> Tensor:
        """Outputs [n, outputs] for samples [n, *shape]."""
        x = self._checked(x, self.widths[0])
        batch = self._batch(len(x))
        self._forward(
            len(self.layers), batch.address, batch.samples, x.data_ptr(), None, batch.x_address
        )  # fmt: skip
        return batch.outputs.clone()

    def _pair(self, x: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Samples and targets as the kernels need them.

        Shapes and dtypes are the same in every step of a training, so only the first step checks them.
        """
        kind = (x.shape, x.dtype, x.is_cpu, targets.shape, targets.dtype, targets.is_cpu)
        if kind == self._accepted and x.is_contiguous() and targets.is_contiguous():
            return x, targets
        if len(targets) != len(x):
            raise ValueError(f"{len(x)} samples with {len(targets)} targets")
        widths = self.widths
        pair = self._checked(x, widths[0]), self._checked(targets, widths[-1])
        self._accepted = kind
        return pair

    def step(self, x: Tensor, targets: Tensor, chosen: np.ndarray | None = None) -> None:
        """One optimiser step on a minibatch: samples [b, *shape], targets [b, outputs].

        chosen: int64[b], the minibatch's indices into x and targets, which may be longer; None: all samples
        """
        x, targets = self._pair(x, targets)
        if chosen is not None:
            if chosen.dtype != np.int64 or chosen.ndim != 1:
                raise ValueError(
                    f"expected a minibatch's places as int64[b], got {chosen.dtype}{chosen.shape}"
                )
            chosen = np.ascontiguousarray(chosen)
        batch = self._batch(len(x) if chosen is None else len(chosen))
        done = self._step(
            len(self.layers), batch.address, batch.samples, len(x), x.data_ptr(),
            None if chosen is None else chosen.ctypes.data, batch.x_address,
            targets.data_ptr(), self.loss, batch.scale, self.descent.lr,
        )  # fmt: skip
        if not done:
            raise ValueError(f"a minibatch's places must lie in 0 … {len(x) - 1}")
        self._last = batch
        if not self.descent.plain:
            self.descent.step()

    @property
    def outputs(self) -> Tensor:
        """Outputs of the last step, [b, outputs], before a softmax; valid until the next minibatch."""
        assert self._last is not None, "no step has been made"
        return self._last.outputs

    @property
    def state(self) -> Tensor:
        return self.flat

    def weights(self) -> np.ndarray:
        """The current weights, [n]; pruned ones are zero."""
        weights = np.zeros(self.architecture.layout.size, dtype=self.flat.numpy().dtype)
        weights[self.genes] = self.flat.numpy()[: len(self.genes)]
        return weights

    def extras(self) -> np.ndarray:
        """The current biases, [m]."""
        return self.flat.numpy()[len(self.genes) :].copy()
