"""Networks for sequences, of numbers or of token ids; and a small transformer for images."""

from __future__ import annotations

import torch
from torch import Tensor, nn

TOKENS = 4096  # size of a vocabulary that nobody has told


class Recurrent(nn.Module):
    """A GRU (Cho et al. 2014) over a sequence; a dense layer reads its last state.

    features: numbers at each step; 0: token ids below `tokens`, which are embedded first
    """

    def __init__(self, features: int, hidden: int, outputs: int, tokens: int = TOKENS) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, hidden) if features == 0 else None
        self.gru = nn.GRU(features or hidden, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        if self.embedding is not None:
            x = self.embedding(x.long())
        states, _ = self.gru(x)
        return self.fc(states[:, -1])


class VisionTransformer(nn.Module):
    """Dosovitskiy et al. 2021: patches as tokens, a class token, learned positions; normalisation first."""

    def __init__(
        self,
        input_shape: tuple[int, ...],
        outputs: int,
        patch: int = 4,
        width: int = 64,
        depth: int = 4,
        heads: int = 4,
    ) -> None:
        super().__init__()
        channels, height, width_ = input_shape
        self.patches = nn.Conv2d(channels, width, patch, patch)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        places = (height // patch) * (width_ // patch) + 1
        self.positions = nn.Parameter(0.02 * torch.randn(1, places, width))
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)
        self.fc = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(x.shape[0], -1, -1), tokens], dim=1) + self.positions
        return self.fc(self.norm(self.encoder(tokens)[:, 0]))


def gru(hidden: int, input_shape: tuple[int, ...], outputs: int) -> nn.Module:
    """A GRU of so many units over samples [steps, features]; images are read row by row, tokens embedded."""
    if len(input_shape) == 1:
        return Recurrent(0, hidden, outputs)
    if len(input_shape) == 3:
        return nn.Sequential(_Rows(), Recurrent(input_shape[0] * input_shape[2], hidden, outputs))
    return Recurrent(input_shape[-1], hidden, outputs)


class _Rows(nn.Module):
    """Images [n, c, h, w] as sequences of rows, [n, h, c · w]."""

    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2).flatten(2)


def vit(input_shape: tuple[int, ...], outputs: int) -> nn.Module:
    """A vision transformer of 4 layers, 64 numbers wide, on patches of 4 × 4 pixels (2 × 2 for tiny
    images).
    """
    return VisionTransformer(input_shape, outputs, patch=4 if min(input_shape[1:]) >= 16 else 2)
