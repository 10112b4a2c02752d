"""Plain convolutional networks: convolutions and pooling, one after the other; then dense layers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise
from math import prod

from torch import nn

from nets_deap.models.zoo.pooling import MaxPool2d

POOL = "M"  # 2 × 2 max-pooling, in a list of channels
_VGG = {
    11: (64, POOL, 128, POOL, 256, 256, POOL, 512, 512, POOL, 512, 512, POOL),
    16: (64, 64, POOL, 128, 128, POOL, *(256,) * 3, POOL, *(512,) * 3, POOL, *(512,) * 3, POOL),
    19: (64, 64, POOL, 128, 128, POOL, *(256,) * 4, POOL, *(512,) * 4, POOL, *(512,) * 4, POOL),
}


def convolutional(
    input_shape: tuple[int, ...],
    plan: Sequence[int | str],
    dense: Sequence[int],
    kernel: int = 3,
    padded: bool = True,
    norm: bool = False,
) -> nn.Module:
    """Convolutions conv1, conv2, … with ReLU, dense layers fc1, fc2, … with ReLU but for the last.

    plan: output channels of each convolution, and POOL; padded: whether convolutions preserve the size
    norm: batch normalisation after each convolution, which then has no bias
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels, number, pools = input_shape[0], 0, 0
    sides = list(input_shape[1:])
    for step in plan:
        if isinstance(step, str):
            pools += 1
            layers[f"pool{pools}"] = MaxPool2d()
            sides = [side // 2 for side in sides]
            continue
        number += 1
        layers[f"conv{number}"] = nn.Conv2d(
            channels, step, kernel, padding=kernel // 2 * padded, bias=not norm
        )
        if norm:
            layers[f"norm{number}"] = nn.BatchNorm2d(step)
        layers[f"relu_conv{number}"] = nn.ReLU()
        channels = step
        sides = [side - (0 if padded else kernel - 1) for side in sides]
    layers["flatten"] = nn.Flatten()
    for i, (in_, out) in enumerate(pairwise([channels * prod(sides), *dense]), start=1):
        layers[f"fc{i}"] = nn.Linear(in_, out)
        if i < len(dense):
            layers[f"relu_fc{i}"] = nn.ReLU()
    return nn.Sequential(layers)


def conv(number: int, input_shape: tuple[int, ...], outputs: int) -> nn.Module:
    """Conv-2, Conv-4, Conv-6 of Frankle & Carbin 2019, figure 2."""
    blocks = ((64, 64, POOL), (128, 128, POOL), (256, 256, POOL))[: number // 2]
    return convolutional(input_shape, [step for block in blocks for step in block], [256, 256, outputs])


def cnn_8_16(input_shape: tuple[int, ...], outputs: int) -> nn.Module:
    """Lange & Sprekeler 2023: 11,274 parameters on MNIST, 34 of them biases."""
    return convolutional(input_shape, [8, POOL, 16, POOL], [outputs], kernel=5)


def lenet_5(input_shape: tuple[int, ...], outputs: int) -> nn.Module:
    """LeNet-5 as in Caffe, which studies of pruning take: 430,500 weights on MNIST (Lee et al. 2019, table
    1).
    """
    return convolutional(input_shape, [20, POOL, 50, POOL], [500, outputs], kernel=5, padded=False)


def vgg(number: int, input_shape: tuple[int, ...], outputs: int) -> nn.Module:
    """VGG-11, 16, 19 (Simonyan & Zisserman 2015, table 1) for small images: with batch normalisation and one
    dense layer."""
    return convolutional(input_shape, _VGG[number], [outputs], norm=True)
