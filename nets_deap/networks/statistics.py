"""The running statistics of batch normalisation, computed anew for weights that no training has led to."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from nets_deap.networks.masked_module import MaskedModule
from nets_deap.networks.protocol import Network
from nets_deap.util.random_streams import training_streams

SAMPLES = 10_000  # are enough for means and variances; all of a large data set take as long as its training


def recompute(network: Network, x: Tensor, batch: int) -> None:
    """Set the running means and variances to averages over minibatches of training samples x, in place.

    batch: samples in a minibatch, 0 for all. At most SAMPLES samples take part, drawn with a fixed seed.
    A network without batch normalisation stays as it is.
    """
    if not isinstance(network, MaskedModule) or not network.architecture.known().keeps_statistics:
        return
    from torch.optim.swa_utils import update_bn

    rng = np.random.default_rng(0)
    chosen = rng.permutation(len(x))[:SAMPLES]
    size = min(batch or len(chosen), len(chosen))
    whole = len(chosen) // size * size  # a last minibatch of fewer samples would count as much as the others
    with training_streams(rng):
        update_bn(x[chosen[:whole]].split(size), network.module)
