"""Residual networks: of He et al. 2016 for small images, and wide ones (Zagoruyko & Komodakis 2016)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

from torch import Tensor, nn
from torch.nn import functional


def _convolution(in_: int, out: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(in_, out, kernel, stride, padding=kernel // 2, bias=False)


class _Before(nn.Module):
    """Normalisation and ReLU before each convolution (He et al. 2016b, figure 4 (e); WRN, figure 1 (a))."""

    def __init__(self, in_: int, out: int, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(in_)
        self.conv1 = _convolution(in_, out, 3, stride)
        self.norm2 = nn.BatchNorm2d(out)
        self.conv2 = _convolution(out, out, 3)
        self.shortcut = None if (in_, stride) == (out, 1) else _convolution(in_, out, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        activated = functional.relu(self.norm1(x), inplace=True)
        past = x if self.shortcut is None else self.shortcut(activated)
        return past + self.conv2(functional.relu(self.norm2(self.conv1(activated)), inplace=True))


class _After(nn.Module):
    """Normalisation and ReLU after each convolution (He et al. 2016, figure 2, shortcuts of option B)."""

    def __init__(self, in_: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _convolution(in_, out, 3, stride)
        self.norm1 = nn.BatchNorm2d(out)
        self.conv2 = _convolution(out, out, 3)
        self.norm2 = nn.BatchNorm2d(out)
        self.shortcut: nn.Module | None = None
        if (in_, stride) != (out, 1):
            self.shortcut = nn.Sequential(_convolution(in_, out, 1, stride), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        inner = functional.relu(self.norm1(self.conv1(x)), inplace=True)
        past = x if self.shortcut is None else self.shortcut(x)
        return functional.relu(self.norm2(self.conv2(inner)) + past, inplace=True)


class Residual(nn.Module):
    """A convolution, stages of residual blocks, mean pooling, a dense layer.

    stages: (channels, blocks) of each; every stage after the first halves the image
    before: whether normalisation comes before the convolutions
    """

    def __init__(
        self, channels: int, stem: int, stages: Sequence[tuple[int, int]], outputs: int, before: bool
    ) -> None:
        super().__init__()
        block: Callable[[int, int, int], nn.Module] = _Before if before else _After
        self.conv = _convolution(channels, stem, 3)
        self.before = before
        if not before:
            self.norm = nn.BatchNorm2d(stem)
        in_, self.stages = stem, len(stages)
        for stage, (out, count) in enumerate(stages, start=1):
            blocks: OrderedDict[str, nn.Module] = OrderedDict()
            for i in range(1, count + 1):
                blocks[str(i)] = block(in_, out, 2 if i == 1 and stage > 1 else 1)
                in_ = out
            self.add_module(f"stage{stage}", nn.Sequential(blocks))
        if before:
            self.norm = nn.BatchNorm2d(in_)
        self.fc = nn.Linear(in_, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        if not self.before:
            x = functional.relu(self.norm(x), inplace=True)
        for stage in range(1, self.stages + 1):
            x = self.get_submodule(f"stage{stage}")(x)
        if self.before:
            x = functional.relu(self.norm(x), inplace=True)
        return self.fc(x.mean(dim=(2, 3)))


def wide_resnet(depth: int, width: int, input_shape: tuple[int, ...], outputs: int) -> nn.Module:
    """WRN-depth-width (Zagoruyko & Komodakis 2016, table 1)."""
    stages = [(channels * width, (depth - 4) // 6) for channels in (16, 32, 64)]
    return Residual(input_shape[0], 16, stages, outputs, before=True)


def resnet_cifar(depth: int, input_shape: tuple[int, ...], outputs: int) -> nn.Module:
    """ResNet-20, 32, 44, 56, 110 (He et al. 2016, section 4.2), with projections as shortcuts."""
    stages = [(channels, (depth - 2) // 6) for channels in (16, 32, 64)]
    return Residual(input_shape[0], 16, stages, outputs, before=False)


def resnet_18(input_shape: tuple[int, ...], outputs: int) -> nn.Module:
    """ResNet-18 (He et al. 2016, table 1) for small images: a first convolution of 3 × 3, no first
    pooling.
    """
    return Residual(input_shape[0], 64, [(64, 2), (128, 2), (256, 2), (512, 2)], outputs, before=False)
