"""The running statistics of batch normalisation, computed anew from training samples.

In a training they follow the weights with a lag of some ten steps. Weights that no training has led to have
none that fit, and after a brief training at a high learning rate those that there are fit an earlier network:
the loss then says more about the lag than about the network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from nets_deap.models.architecture import Architecture
from nets_deap.networks.masked_module import MaskedModule
from nets_deap.networks.protocol import Network
from nets_deap.networks.sparse_module import SparseModule
from nets_deap.util.random_streams import training_streams

SAMPLES = 10_000  # are enough for means and variances; all of a large data set take as long as its training
BRIEF = 1024  # are enough to compare networks: the loss of a ResNet-20 differs by 0.01 from that with SAMPLES


def recompute(network: Network, x: Tensor, batch: int, samples: int = SAMPLES) -> None:
    """Set the running means and variances to averages over minibatches of training samples x, in place.

    batch: samples in a minibatch, 0 for all; samples: the most that take part, drawn with a fixed seed
    A network without batch normalisation stays as it is, and so does a normalisation that training leaves
    alone, and any other buffer.
    """
    if not isinstance(network, (MaskedModule, SparseModule)):
        return
    if not network.architecture.known().keeps_statistics:
        return
    rng = np.random.default_rng(0)
    size, whole = _minibatches(len(x), batch, samples)
    chosen = torch.from_numpy(rng.permutation(len(x))[:whole]).to(x.device)
    with training_streams(rng), torch.no_grad():
        _average(network.module, network.run, x[chosen].split(size))


def passes_after_training(architecture: Architecture, available: int, batch: int) -> int:
    """Samples that `recompute` passes forward after a brief training on `available` samples."""
    return _minibatches(available, batch, BRIEF)[1] if architecture.known().keeps_statistics else 0


def _minibatches(available: int, batch: int, most: int) -> tuple[int, int]:
    """The size of minibatches, and the samples in all; a smaller last one would count as much as others."""
    chosen = min(available, most)
    size = min(batch or chosen, chosen)
    return size, chosen // size * size


def _average(module: nn.Module, run: Callable[[Tensor], Tensor], minibatches: Sequence[Tensor]) -> None:
    """Average the statistics that training changes over minibatches; other buffers stay."""
    before = {name: each.clone() for name, each in module.named_buffers()}
    module.train()
    run(minibatches[0])
    changed = [
        (name, each)
        for name, each in module.named_modules()
        if isinstance(each, _BatchNorm)
        and each.running_mean is not None
        and not torch.equal(each.running_mean, before[f"{name}.running_mean".lstrip(".")])
    ]
    momenta = [each.momentum for _, each in changed]
    for _, each in changed:
        each.reset_running_stats()
        each.momentum = None  # an average over all minibatches
    for minibatch in minibatches:
        run(minibatch)
    for (_, each), momentum in zip(changed, momenta, strict=True):
        each.momentum = momentum
    averaged = {id(buffer) for _, each in changed for buffer in each.buffers()}
    for name, buffer in module.named_buffers():
        if id(buffer) not in averaged:
            buffer.copy_(before[name])
