"""Which tiles the GPU's kernels should take: the time of each candidate, beside its bytes' floor.

python -m tests.gpu.tiles    prints a table; the best go into `triton_mlp.TILES` by hand
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pandas as pd
import torch

from nets_deap.networks.kernels import triton_mlp

from .limits import seconds

NETS, SAMPLES = 1000, 64
CANDIDATES = {  # rows, depth, samples
    "forward": [(128, 32, 64), (256, 32, 64), (256, 16, 64)],
    "backward": [(16, 32, 64), (16, 64, 64)],
    "update": [(64, 64, 16), (64, 64, 32), (32, 64, 64), (64, 128, 32), (64, 128, 16), (32, 128, 64)],
}
WARPS, STAGES = (4, 8), (2, 3, 4)


def rows(factors: str) -> Iterator[dict[str, object]]:
    w = torch.randn(1, NETS * 300, 784, device="cuda")
    mask = torch.rand_like(w) < 0.2
    x = torch.rand(SAMPLES, 784, device="cuda")
    x_t = x.t().contiguous()[None]
    z, error = (
        torch.empty(1, NETS * 300, SAMPLES, device="cuda"),
        torch.randn(1, NETS * 300, SAMPLES, device="cuda"),
    )
    small = torch.randn(NETS, 100, 300, device="cuda")
    above, hidden = (
        torch.randn(NETS, 100, SAMPLES, device="cuda"),
        torch.randn(NETS, 300, SAMPLES, device="cuda"),
    )
    below = torch.empty_like(hidden)
    runs = {
        "forward": (lambda: triton_mlp.forward(w, x.t()[None], z, True, factors), w.nbytes + z.nbytes),
        "backward": (
            lambda: triton_mlp.backward(small, above, hidden, below, factors),
            small.nbytes + above.nbytes + 2 * hidden.nbytes,
        ),
        "update": (
            lambda: triton_mlp.update(w, mask, error, x_t, 1e-9, factors),
            2 * w.nbytes + mask.nbytes + error.nbytes,
        ),
    }
    for kernel, candidates in CANDIDATES.items():
        run, moved = runs[kernel]
        for (rows_, depth, samples), warps, stages in product(candidates, WARPS, STAGES):
            tiles = {
                "ROWS": rows_,
                "DEPTH": depth,
                "SAMPLES": samples,
                "num_warps": warps,
                "num_stages": stages,
            }
            triton_mlp.TILES[kernel] = tiles
            row: dict[str, object] = {"kernel": kernel, **tiles}
            try:
                taken = seconds(run)
            except Exception as error:  # too much shared memory, say
                yield row | {"remark": str(error).partition("\n")[0]}
                continue
            yield row | {"ms": 1000 * taken, "terabytes_a_second": moved / taken / 1e12}


if __name__ == "__main__":
    for factors in triton_mlp.FACTORS.values():
        table = pd.DataFrame(rows(factors)).sort_values(["kernel", "ms"])
        print(factors, table.groupby("kernel").head(5).to_string(index=False), sep="\n", flush=True)
