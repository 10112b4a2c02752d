"""The matrix products of LeNet-300-100's first layer at batch 60, on one core, in several layouts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch

from .measure import Row, medians

BATCH, INPUTS, UNITS = 60, 784, 300
REPEATS = 300


def rows() -> Iterator[Row]:
    torch.set_num_threads(1)
    x, w, error = torch.randn(BATCH, INPUTS), torch.randn(UNITS, INPUTS), torch.randn(BATCH, UNITS)
    w_t, x_t, error_t = w.t().contiguous(), x.t().contiguous(), error.t().contiguous()
    z, z_t, g = torch.empty(BATCH, UNITS), torch.empty(UNITS, BATCH), torch.empty(UNITS, INPUTS)
    xn, wn, zn = x.numpy(), w.numpy(), z.numpy()
    products: dict[str, Callable[[], object]] = {
        "forward, x · Wᵀ (ours)": lambda: torch.mm(x, w.t(), out=z),
        "forward, weights stored transposed": lambda: torch.mm(x, w_t, out=z),
        "forward, activations stored transposed": lambda: torch.mm(w, x.t(), out=z_t),
        "forward, NumPy": lambda: np.matmul(xn, wn.T, out=zn),
        "gradient, eᵀ · x": lambda: torch.mm(error.t(), x, out=g),
        "gradient, errors stored transposed": lambda: torch.mm(error_t, x, out=g),
        "gradient and update in one (ours)": lambda: w.addmm_(error.t(), x, alpha=-1e-9),
        "gradient and update, weights stored transposed": lambda: w_t.addmm_(x.t(), error, alpha=-1e-9),
        "forward, samples stored transposed": lambda: torch.mm(w, x_t, out=z_t),
    }

    def repeated(product: Callable[[], object]) -> Callable[[], None]:
        return lambda: [product() for _ in range(REPEATS)] and None

    for name, seconds in zip(products, medians(7, *map(repeated, products.values())), strict=True):
        yield Row(name, 2 * BATCH * INPUTS * UNITS * REPEATS / seconds / 1e9, "GFLOP/s")
