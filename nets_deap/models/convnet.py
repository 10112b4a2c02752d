"""Plain convolutional networks: blocks of convolutions, each followed by pooling, then dense layers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING

from nets_deap.models.architecture import ENDS, Architecture, Extra, Wire
from nets_deap.models.layout import Layout
from nets_deap.util.errors import NetsError

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class ConvNet(Architecture):
    """Blocks of size-preserving convolutions, each followed by 2 × 2 max-pooling; then dense layers. ReLU.

    All layers have biases, which are trained and never pruned.

    input_shape: (channels, height, width)
    blocks: output channels of each convolution, block by block
    hidden: units of each hidden dense layer
    kernel: height and width of the convolution kernels, an odd number
    """

    name: str
    input_shape: tuple[int, int, int]
    blocks: tuple[tuple[int, ...], ...]
    hidden: tuple[int, ...]
    outputs: int
    kernel: int = 3

    @property
    def channels(self) -> tuple[int, ...]:
        """Output channels of each convolution."""
        return tuple(channels for block in self.blocks for channels in block)

    @property
    def places(self) -> int:
        """Pixels of each channel that is flattened: its height times its width."""
        return prod(side >> len(self.blocks) for side in self.input_shape[1:])

    @cached_property
    def layout(self) -> Layout:
        channels = (self.input_shape[0], *self.channels)
        convolutions = tuple((out, in_, self.kernel, self.kernel) for in_, out in pairwise(channels))
        widths = (channels[-1] * self.places, *self.hidden, self.outputs)
        dense = tuple((out, in_) for in_, out in pairwise(widths))
        names = [f"conv{i}" for i in range(1, len(convolutions) + 1)]
        names += [f"fc{i}" for i in range(1, len(dense) + 1)]
        return Layout(tuple(names), convolutions + dense)

    @cached_property
    def nodes(self) -> Layout:
        return Layout(self.layout.names[:-1], tuple((shape[0],) for shape in self.layout.shapes[:-1]))

    @cached_property
    def wires(self) -> tuple[Wire, ...]:
        flattened = f"conv{len(self.channels)}"
        return tuple(
            Wire(source, target, self.places if source == flattened else 1)
            for source, target in pairwise((ENDS, *self.nodes.names, ENDS))
        )

    @cached_property
    def extras(self) -> tuple[Extra, ...]:
        layers = zip(self.layout.names, self.layout.shapes, self.wires, strict=True)
        return tuple(Extra(f"{name}.bias", wire.target, shape[0], 0.0) for name, shape, wire in layers)

    @property
    def units(self) -> int:
        convolved = sum(
            sum(block) * (self.input_shape[1] >> i) * (self.input_shape[2] >> i)
            for i, block in enumerate(self.blocks)
        )
        return convolved + sum(self.hidden) + self.outputs

    def narrowed(self, sizes: Sequence[int]) -> ConvNet:
        given = iter(sizes)
        blocks = tuple(tuple(next(given) for _ in block) for block in self.blocks)
        return replace(self, blocks=blocks, hidden=tuple(given))

    def module(self) -> nn.Module:
        from torch import nn

        from nets_deap.models.pooling import MaxPool2d

        layers: OrderedDict[str, nn.Module] = OrderedDict()
        shapes = dict(zip(self.layout.names, self.layout.shapes, strict=True))
        for i, names in enumerate(self._blocks_of_names(), start=1):
            for name in names:
                out, in_ = shapes[name][:2]
                layers[name] = nn.Conv2d(in_, out, self.kernel, padding=self.kernel // 2)
                layers[f"relu_{name}"] = nn.ReLU()
            layers[f"pool{i}"] = MaxPool2d()
        layers["flatten"] = nn.Flatten()
        for i in range(1, len(self.hidden) + 2):
            out, in_ = shapes[f"fc{i}"]
            layers[f"fc{i}"] = nn.Linear(in_, out)
            if i <= len(self.hidden):
                layers[f"relu_fc{i}"] = nn.ReLU()
        return nn.Sequential(layers)

    def _blocks_of_names(self) -> Iterator[list[str]]:
        names = iter(self.layout.names)
        for block in self.blocks:
            yield [next(names) for _ in block]


def images_of(name: str, input_shape: tuple[int, ...], halvings: int) -> tuple[int, int, int]:
    """The input shape, checked to be that of images large enough to be halved `halvings` times.

    Raises NetsError for data that are not images, or for images that are too small.
    """
    least = 2**halvings
    if len(input_shape) != 3 or min(input_shape[1:]) < least:
        text = " × ".join(map(str, input_shape))
        raise NetsError(
            f"{name} wants images of {least} × {least} pixels or more, but the data set has {text}: "
            "take another `arch` or another `dataset`"
        )
    channels, height, width = input_shape
    return channels, height, width


def _conv(number: int) -> Callable[[tuple[int, ...], int], ConvNet]:
    """Conv-2, Conv-4, Conv-6 of Frankle & Carbin 2019, figure 2."""
    name, blocks = f"conv-{number}", ((64, 64), (128, 128), (256, 256))[: number // 2]

    def build(input_shape: tuple[int, ...], classes: int) -> ConvNet:
        return ConvNet(name, images_of(name, input_shape, len(blocks)), blocks, (256, 256), classes)

    return build


conv_2, conv_4, conv_6 = _conv(2), _conv(4), _conv(6)


def cnn_8_16(input_shape: tuple[int, ...], classes: int) -> ConvNet:
    """Lange & Sprekeler 2023: 11,274 parameters on MNIST, 34 of them biases."""
    return ConvNet("cnn-8-16", images_of("cnn-8-16", input_shape, 2), ((8,), (16,)), (), classes, kernel=5)
