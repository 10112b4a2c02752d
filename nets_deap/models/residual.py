"""The PyTorch module of a wide residual network."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from torch import Tensor, nn
from torch.nn import functional

from nets_deap.models.blocks import Block


def _convolution(in_: int, out: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(in_, out, kernel, stride, padding=kernel // 2, bias=False)


class _ResidualBlock(nn.Module):
    """Zagoruyko & Komodakis 2016, figure 1 (a), with the layer order of He et al. 2016, figure 4 (e)."""

    def __init__(self, block: Block, sizes: Mapping[str, int]) -> None:
        super().__init__()
        before, within, after = (sizes[group] for group in (block.source, block.inner, block.target))
        self.norm1 = nn.BatchNorm2d(before)
        self.conv1 = _convolution(before, within, 3, block.stride)
        self.norm2 = nn.BatchNorm2d(within)
        self.conv2 = _convolution(within, after, 3)
        self.shortcut = _convolution(before, after, 1, block.stride) if block.shortcut else None

    def forward(self, x: Tensor) -> Tensor:
        activated = functional.relu(self.norm1(x), inplace=True)
        past = x if self.shortcut is None else self.shortcut(activated)
        inner = functional.relu(self.norm2(self.conv1(activated)), inplace=True)
        return past + self.conv2(inner)


class ResidualNetwork(nn.Module):
    """The network that a `WideResNet` describes.

    channels: of the images; entry: the group of nodes that the first convolution's channels form
    stages: name -> blocks, in order; sizes: name of a group -> its number of nodes
    """

    def __init__(
        self,
        channels: int,
        entry: str,
        stages: Mapping[str, Sequence[Block]],
        sizes: Mapping[str, int],
        outputs: int,
    ) -> None:
        super().__init__()
        self.conv = _convolution(channels, sizes[entry], 3)
        self.stages = list(stages)
        for name, blocks in stages.items():
            numbered = {str(i): _ResidualBlock(block, sizes) for i, block in enumerate(blocks, start=1)}
            self.add_module(name, nn.Sequential(OrderedDict(numbered)))
        last = sizes[self.stages[-1]]
        self.norm = nn.BatchNorm2d(last)
        self.fc = nn.Linear(last, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        for name in self.stages:
            x = self.get_submodule(name)(x)
        return self.fc(functional.relu(self.norm(x), inplace=True).mean(dim=(2, 3)))
