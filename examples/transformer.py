"""A small transformer that predicts the next character, at each place of a text: outputs per token."""

import numpy as np
import torch
from journey import journey
from texts import PACKAGES, docstrings
from torch import nn

import nets_deap as nd

ALPHABET = " abcdefghijklmnopqrstuvwxyz.,()_="
LENGTH, SAMPLES = 24, 600


class Transformer(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.embedding = nn.Embedding(len(ALPHABET), width)
        self.positions = nn.Parameter(0.02 * torch.randn(LENGTH, width))
        self.layer = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.1, batch_first=True)
        self.out = nn.Linear(width, len(ALPHABET))
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(LENGTH), persistent=False)

    def forward(self, tokens):
        x = self.layer(self.embedding(tokens) + self.positions, src_mask=self.mask, is_causal=True)
        return self.out(x).transpose(1, 2)  # classes second, as torch's cross-entropy wants them


def main():
    text = "".join(docstrings(package) for package in PACKAGES).lower()
    ids = np.array([ALPHABET.index(c) for c in " ".join(text.split()) if c in ALPHABET])
    starts = np.arange(SAMPLES) * LENGTH
    x = np.stack([ids[start : start + LENGTH] for start in starts])
    y = np.stack([ids[start + 1 : start + LENGTH + 1] for start in starts])
    return journey(Transformer, nd.Data.of((x, y)), nn.functional.cross_entropy, density=0.3)


if __name__ == "__main__":
    main()
