"""Products of stacked layers on a GPU, in Triton.

Training a large population is limited by moving its weights. These kernels read each weight once forward,
and read and write it once in the update, which applies the mask, a byte a weight, in passing.

A layer holds W[P, rows, depth]. Its inputs are [P, depth, samples] at any strides; where all networks share
them, the networks are one tall matrix, P = 1. Its outputs and their errors are [P, rows, samples]. `samples`
is a multiple of SAMPLES, so that rows start where wide loads can; the padding's errors must be zero.
"""

# Triton reads the bodies of kernels and has no types for them.
# mypy: disable-error-code="no-untyped-def, untyped-decorator"

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

SAMPLES = 16
# How the factors of a product enter the matrix units. The three products of TF32 lose as little as float32.
FACTORS = {"float32": "tf32x3", "tf32": "tf32", "bf16": "bf16"}


@triton.jit
def _product(a, b, total, FACTORS: tl.constexpr):
    if FACTORS == "bf16":
        total = tl.dot(a.to(tl.bfloat16), b.to(tl.bfloat16), total)
    else:
        total = tl.dot(a, b, total, input_precision=FACTORS)
    return total


@triton.jit
def _forward(
    w, x, z, rows, samples, x_net, x_depth, x_sample,
    depth: tl.constexpr, RELU: tl.constexpr, FACTORS: tl.constexpr,
    ROWS: tl.constexpr, DEPTH: tl.constexpr, SAMPLES: tl.constexpr,
):  # fmt: skip
    """z = W x, and ReLU."""
    tiles = (rows + ROWS - 1) // ROWS
    net = (tl.program_id(0) // tiles).to(tl.int64)
    row = (tl.program_id(0) % tiles) * ROWS + tl.arange(0, ROWS)
    sample = tl.program_id(1) * SAMPLES + tl.arange(0, SAMPLES)
    weights = w + (net * rows + row)[:, None] * depth
    inputs = x + net * x_net + sample[None, :] * x_sample
    total = tl.full((ROWS, SAMPLES), 0.0, tl.float32)
    for start in range(0, depth, DEPTH):
        k = start + tl.arange(0, DEPTH)
        a = tl.load(weights + k[None, :], mask=(row < rows)[:, None] & (k < depth)[None, :], other=0.0)
        b = tl.load(
            inputs + k[:, None] * x_depth,
            mask=(k < depth)[:, None] & (sample < samples)[None, :],
            other=0.0,
        )
        total = _product(a, b, total, FACTORS)
    if RELU:
        total = tl.where(total < 0.0, 0.0, total)  # NaN stays, as in torch
    inside = (row < rows)[:, None] & (sample < samples)[None, :]
    tl.store(z + (net * rows + row)[:, None] * samples + sample[None, :], total, mask=inside)


@triton.jit
def _backward(
    w, error, hidden, below, rows, samples,
    depth: tl.constexpr, FACTORS: tl.constexpr,
    ROWS: tl.constexpr, DEPTH: tl.constexpr, SAMPLES: tl.constexpr,
):  # fmt: skip
    """below = Wᵀ error, and nothing where ReLU was zero: the error before this layer's inputs, `hidden`."""
    tiles = (depth + DEPTH - 1) // DEPTH
    net = (tl.program_id(0) // tiles).to(tl.int64)
    k = (tl.program_id(0) % tiles) * DEPTH + tl.arange(0, DEPTH)
    sample = tl.program_id(1) * SAMPLES + tl.arange(0, SAMPLES)
    total = tl.full((DEPTH, SAMPLES), 0.0, tl.float32)
    for start in range(0, rows, ROWS):
        row = start + tl.arange(0, ROWS)
        a = tl.load(
            w + (net * rows + row)[:, None] * depth + k[None, :],
            mask=(row < rows)[:, None] & (k < depth)[None, :],
            other=0.0,
        )
        b = tl.load(
            error + (net * rows + row)[:, None] * samples + sample[None, :],
            mask=(row < rows)[:, None] & (sample < samples)[None, :],
            other=0.0,
        )
        total = _product(tl.trans(a), b, total, FACTORS)
    places = (net * depth + k)[:, None] * samples + sample[None, :]
    inside = (k < depth)[:, None] & (sample < samples)[None, :]
    total = tl.where(tl.load(hidden + places, mask=inside, other=0.0) > 0, total, 0.0)
    tl.store(below + places, total, mask=inside)


@triton.jit
def _update(
    w, mask, error, x, lr, rows, samples, x_net, x_depth,
    depth: tl.constexpr, FACTORS: tl.constexpr,
    ROWS: tl.constexpr, DEPTH: tl.constexpr, SAMPLES: tl.constexpr,
):  # fmt: skip
    """W = (W − lr · error xᵀ) ⊙ mask."""
    columns = (depth + DEPTH - 1) // DEPTH  # side by side in memory, so one after the other
    tiles = (rows + ROWS - 1) // ROWS
    tile = tl.program_id(0) // columns
    net = (tile // tiles).to(tl.int64)
    row = (tile % tiles) * ROWS + tl.arange(0, ROWS)
    k = (tl.program_id(0) % columns) * DEPTH + tl.arange(0, DEPTH)
    places = (net * rows + row)[:, None] * depth + k[None, :]
    inside = (row < rows)[:, None] & (k < depth)[None, :]
    active = tl.load(mask + places, mask=inside, other=0)
    old = tl.load(w + places, mask=inside, other=0.0)
    total = tl.full((ROWS, DEPTH), 0.0, tl.float32)
    for start in range(0, samples, SAMPLES):
        sample = start + tl.arange(0, SAMPLES)
        a = tl.load(
            error + (net * rows + row)[:, None] * samples + sample[None, :],
            mask=(row < rows)[:, None] & (sample < samples)[None, :],
            other=0.0,
        )
        b = tl.load(
            x + net * x_net + k[:, None] * x_depth + sample[None, :],
            mask=(k < depth)[:, None] & (sample < samples)[None, :],
            other=0.0,
        )
        total = _product(a, tl.trans(b), total, FACTORS)
    tl.store(w + places, tl.where(active != 0, old - lr * total, 0.0), mask=inside)


# Tiles, at most this large, and the warps and stages of each kernel; found by `python -m tests.gpu.tiles`
TILES: dict[str, dict[str, int]] = {
    "forward": {"ROWS": 128, "DEPTH": 32, "SAMPLES": 64, "num_warps": 4, "num_stages": 4},
    "backward": {"ROWS": 16, "DEPTH": 32, "SAMPLES": 64, "num_warps": 4, "num_stages": 3},
    "update": {"ROWS": 64, "DEPTH": 128, "SAMPLES": 16, "num_warps": 4, "num_stages": 3},
}


LEAST = 16  # of a tile, along each side: what the matrix units take
PROGRAMS = 256  # that keep a large GPU busy; where there are fewer, tiles of fewer rows make more of them


def _tiles(kernel: str, nets: int, rows: int, depth: int, samples: int) -> dict[str, int]:
    """The kernel's tiles, no larger than the next power of two of what there is."""
    sizes = {"ROWS": rows, "DEPTH": depth, "SAMPLES": samples}
    fitting = {name: max(LEAST, triton.next_power_of_2(size)) for name, size in sizes.items()}
    tiles = {name: min(value, fitting.get(name, value)) for name, value in TILES[kernel].items()}
    while tiles["ROWS"] > LEAST and nets * triton.cdiv(rows, tiles["ROWS"]) < PROGRAMS:
        tiles["ROWS"] //= 2
    return tiles


def forward(w: Tensor, x: Tensor, z: Tensor, relu: bool, factors: str) -> None:
    """Write W x into z, [P, rows, samples]; w: float32[P, rows, depth], x: float32[P, depth, samples].

    relu: whether negative outputs become 0; factors: a value of FACTORS
    """
    (nets, rows, depth), samples = w.shape, z.shape[2]
    tiles = _tiles("forward", nets, rows, depth, samples)
    grid = (nets * triton.cdiv(rows, tiles["ROWS"]), triton.cdiv(samples, tiles["SAMPLES"]))
    _forward[grid](w, x, z, rows, samples, *x.stride(), depth=depth, RELU=relu, FACTORS=factors, **tiles)


def backward(w: Tensor, error: Tensor, hidden: Tensor, below: Tensor, factors: str) -> None:
    """Write Wᵀ error into below, [P, depth, samples], but 0 where ReLU has left 0 in `hidden`."""
    (nets, rows, depth), samples = w.shape, error.shape[2]
    tiles = _tiles("backward", nets, rows, depth, samples)
    grid = (nets * triton.cdiv(depth, tiles["DEPTH"]), triton.cdiv(samples, tiles["SAMPLES"]))
    _backward[grid](w, error, hidden, below, rows, samples, depth=depth, FACTORS=factors, **tiles)


def update(w: Tensor, mask: Tensor, error: Tensor, x: Tensor, lr: float, factors: str) -> None:
    """One step of gradient descent: W = (W − lr · error xᵀ) ⊙ mask, in place.

    mask: bool[P, rows, depth]; error: float32[P, rows, samples]; x: float32[P, depth, samples], contiguous
    """
    (nets, rows, depth), samples = w.shape, x.shape[2]
    tiles = _tiles("update", nets, rows, depth, samples)
    grid = (nets * triton.cdiv(rows, tiles["ROWS"]) * triton.cdiv(depth, tiles["DEPTH"]),)
    _update[grid](
        w, mask.view(torch.uint8), error, x, lr, rows, samples, *x.stride()[:2],
        depth=depth, FACTORS=factors, **tiles,
    )  # fmt: skip
