"""A residual network of one's own, on images in tensors."""

import torch
from journey import journey
from sklearn.datasets import load_digits
from torch import nn

import nets_deap as nd


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.convolution = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x):
        return x + torch.relu(self.norm(self.convolution(x)))


def make():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        Block(16),
        nn.MaxPool2d(2),
        Block(16),
        nn.Flatten(),
        nn.Linear(256, 10),
    )


def main():
    images, labels = load_digits(return_X_y=True)
    images = torch.tensor(images, dtype=torch.float32).reshape(-1, 1, 8, 8) / 16
    return journey(make, nd.Data.of((images, labels), normalise=True), nn.functional.cross_entropy)


if __name__ == "__main__":
    main()
