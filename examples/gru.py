"""A GRU on sequences: handwritten digits, read row by row."""

import numpy as np
from journey import journey
from sklearn.datasets import load_digits
from torch import nn

import nets_deap as nd


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(8, 32, batch_first=True)
        self.out = nn.Linear(32, 10)

    def forward(self, rows):
        states, _ = self.gru(rows)
        return self.out(states[:, -1])


def main():
    images, labels = load_digits(return_X_y=True)
    sequences = (images / 16).astype(np.float32).reshape(-1, 8, 8)  # [n, steps, features]
    data = nd.Data.of((sequences, labels))
    return journey(Reader, data, nn.functional.cross_entropy, metric="balanced-accuracy")


if __name__ == "__main__":
    main()
