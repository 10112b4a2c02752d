"""Regression: the progress of a disease a year later, by scikit-learn's diabetes data."""

import numpy as np
from journey import RECIPE, journey
from sklearn.datasets import load_diabetes
from torch import nn

import nets_deap as nd


def make():
    return nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))


def main():
    x, y = load_diabetes(return_X_y=True)
    y = ((y - y.mean()) / y.std()).astype(np.float32)  # floats are numbers to predict, not classes
    data = nd.Data.of((x, y), normalise=True)

    def loss(outputs, targets):
        return nn.functional.mse_loss(outputs[:, 0], targets)

    return journey(make, data, loss, loss="huber:delta=1", metric="r2", recipe=RECIPE | {"epochs": 20})


if __name__ == "__main__":
    main()
