"""Wide residual networks (Zagoruyko & Komodakis 2016), WRN-depth-width."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING

from nets_deap.models.architecture import ENDS, Architecture, Extra, Wire
from nets_deap.models.blocks import Block
from nets_deap.models.convnet import images_of
from nets_deap.models.layout import Layout
from nets_deap.util.errors import NetsError

if TYPE_CHECKING:
    from torch import nn


NAME = re.compile(r"wrn-([1-9]\d{0,3})-([1-9]\d{0,2})")
PATTERN = "wrn-DEPTH-WIDTH"
STAGES = 3  # every stage after the first halves the image


@dataclass(frozen=True)
class WideResNet(Architecture):
    """Residual blocks in three stages, batch normalisation before each ReLU; mean pooling, a dense layer.

    All blocks of a stage add to the same channels (its stream), so these channels form one group of nodes.
    The scales and shifts of the normalisations and the biases of the outputs are trained and never pruned.

    input_shape: (channels, height, width)
    stem:    channels of the first convolution; if stage 1 has no shortcut, they are the stream of stage 1
    streams: channels of each stage's stream
    inner:   channels inside each block, stage by stage
    shortcuts: whether the shortcut of each stage's first block is a 1 × 1 convolution
    """

    name: str
    input_shape: tuple[int, int, int]
    stem: int
    streams: tuple[int, int, int]
    inner: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
    shortcuts: tuple[bool, bool, bool]
    outputs: int

    @property
    def entry(self) -> str:
        """The group of the first convolution's channels."""
        return "stem" if self.shortcuts[0] else "stage1"

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        blocks, source = [], self.entry
        for stage, inner in enumerate(self.inner, start=1):
            for i in range(1, len(inner) + 1):
                name, target = f"stage{stage}.{i}", f"stage{stage}"
                stride = 2 if i == 1 and stage > 1 else 1
                shortcut = i == 1 and self.shortcuts[stage - 1]
                blocks.append(Block(name, source, name, target, stride, shortcut))
                source = target
        return tuple(blocks)

    @cached_property
    def nodes(self) -> Layout:
        sizes = {"stem": self.stem} if self.shortcuts[0] else {}
        for stage, (stream, inner) in enumerate(zip(self.streams, self.inner, strict=True), start=1):
            sizes[f"stage{stage}"] = stream
            sizes |= {f"stage{stage}.{i}": channels for i, channels in enumerate(inner, start=1)}
        return Layout(tuple(sizes), tuple((size,) for size in sizes.values()))

    @cached_property
    def _layers(self) -> dict[str, tuple[Wire, int]]:
        """Name of each convolution in the module -> the groups that it connects, and its kernel size."""
        layers = {"conv": (Wire(ENDS, self.entry), 3)}
        for block in self.blocks:
            layers[f"{block.name}.conv1"] = (Wire(block.source, block.inner), 3)
            layers[f"{block.name}.conv2"] = (Wire(block.inner, block.target), 3)
            if block.shortcut:
                layers[f"{block.name}.shortcut"] = (Wire(block.source, block.target), 1)
        return layers

    @cached_property
    def layout(self) -> Layout:
        sizes = dict(zip(self.nodes.names, self.nodes.sizes, strict=True)) | {ENDS: self.input_shape[0]}
        shapes = [
            (sizes[wire.target], sizes[wire.source], kernel, kernel) for wire, kernel in self._layers.values()
        ]
        return Layout((*self._layers, "fc"), (*shapes, (self.outputs, self.streams[-1])))

    @cached_property
    def wires(self) -> tuple[Wire, ...]:
        return (*(wire for wire, _ in self._layers.values()), Wire(f"stage{STAGES}", ENDS))

    @cached_property
    def extras(self) -> tuple[Extra, ...]:
        sizes = dict(zip(self.nodes.names, self.nodes.sizes, strict=True))
        groups = {"norm": f"stage{STAGES}"}
        for block in self.blocks:
            groups |= {f"{block.name}.norm1": block.source, f"{block.name}.norm2": block.inner}
        extras = [Extra("fc.bias", ENDS, self.outputs, 0.0)]
        for name, group in groups.items():
            extras += [
                Extra(f"{name}.weight", group, sizes[group], 1.0),
                Extra(f"{name}.bias", group, sizes[group], 0.0),
                Extra(f"{name}.running_mean", group, sizes[group], 0.0, trained=False),
                Extra(f"{name}.running_var", group, sizes[group], 1.0, trained=False),
            ]
        return tuple(sorted(extras, key=lambda extra: not extra.trained))

    @property
    def units(self) -> int:
        places = self.input_shape[1] * self.input_shape[2]
        of_stages = zip(self.streams, self.inner, strict=True)
        # For every convolution: its normalised input, and its output.
        convolved = sum(
            2 * (len(inner) * stream + sum(inner)) * (places >> 2 * i)
            for i, (stream, inner) in enumerate(of_stages)
        )
        return 2 * self.stem * places + convolved + self.outputs

    @property
    def needs_two(self) -> bool:
        """If the last stage leaves one pixel: then one sample has no variance to normalise by."""
        return all(side <= 2 ** (STAGES - 1) for side in self.input_shape[1:])

    def narrowed(self, sizes: Sequence[int]) -> WideResNet:
        given = iter(sizes)
        stem = next(given) if self.shortcuts[0] else 0
        stages = [(next(given), tuple(next(given) for _ in inner)) for inner in self.inner]
        streams, inner = zip(*stages, strict=True)
        return replace(self, stem=stem or streams[0], streams=streams, inner=inner)

    def module(self) -> nn.Module:
        from nets_deap.models.residual import ResidualNetwork

        sizes = dict(zip(self.nodes.names, self.nodes.sizes, strict=True))
        return ResidualNetwork(self.input_shape[0], self.entry, dict(self.stages()), sizes, self.outputs)

    def stages(self) -> Iterator[tuple[str, list[Block]]]:
        """Name and blocks of each stage."""
        for name, blocks in groupby(self.blocks, key=lambda block: block.target):
            yield name, list(blocks)


def wide_resnet(name: str, input_shape: tuple[int, ...], classes: int) -> WideResNet:
    """The wide ResNet called wrn-depth-width.

    Raises NetsError for a depth that is not 6n + 4, and for samples that are not images or too small.
    """
    found = NAME.fullmatch(name)
    assert found, name
    depth, width = map(int, found.groups())
    count, rest = divmod(depth - 4, 6)
    if count < 1 or rest:
        raise NetsError(f"{name}: the depth of a wide ResNet is 6n + 4: 10, 16, 22, 28, …")
    stem, streams = 16, (16 * width, 32 * width, 64 * width)
    inner = tuple((channels,) * count for channels in streams)
    image = images_of(name, input_shape, STAGES - 1)
    return WideResNet(name, image, stem, streams, inner, (width > 1, True, True), classes)  # type: ignore[arg-type]
