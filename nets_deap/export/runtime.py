"""What exported modules hold: `python_file` copies it, with other constants and another `make`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nets_deap.data.images import as_pixels
from nets_deap.models.resizing import settle

WEIGHTS = "model.weights.safetensors"
INPUT_SHAPE: tuple[int, ...] = ()
DTYPE = torch.float32
SCALE = 1.0
MEAN: tuple[float, ...] = (0.0,)
STD: tuple[float, ...] = (1.0,)
DEEP = False  # whether images have 16 bits
COLUMNS: tuple[tuple[str, float, float, tuple[str, ...]], ...] = ()  # name, mean, std, words


def make() -> nn.Module:
    """The network, with initial weights of its own. Each exported module has another `make`."""
    raise NotImplementedError("only exported modules know their network")


def load() -> nn.Module:
    """The ticket's network with its weights, in evaluation mode. Pruned weights are zero."""
    model = make()
    places = dict(model.named_parameters()) | dict(model.named_buffers())
    with torch.no_grad():
        for name, values in stored().items():
            if values.dtype != torch.bool:  # a mask
                places[name].copy_(values)
    return prune(model).eval()


def prune(model: nn.Module) -> nn.Module:
    """Set what the ticket prunes to zero, in place: call it after each step of an optimiser."""
    with torch.no_grad():
        for name, mask in masks().items():
            parameter = model.get_parameter(name)
            parameter.mul_(mask.to(parameter.device))
    return model


def masks() -> dict[str, Tensor]:
    """Name of each parameter that can be pruned -> bool tensor of its shape; False is pruned."""
    return {name.removesuffix(".mask"): mask for name, mask in stored().items() if mask.dtype == torch.bool}


def prepare(x: Tensor) -> Tensor:
    """Raw samples [n, *INPUT_SHAPE] as the network takes them: (x / SCALE − MEAN) / STD."""
    x = torch.as_tensor(x).to(DTYPE)
    if tuple(x.shape[1:]) != INPUT_SHAPE:
        raise ValueError(f"expected samples [n, {', '.join(map(str, INPUT_SHAPE))}], got {list(x.shape)}")
    if not DTYPE.is_floating_point:
        return x  # token ids
    mean, std = (torch.tensor(each, device=x.device) for each in (MEAN, STD))
    of_channels = (-1, *[1] * (x.ndim - 2))
    return (x / SCALE - mean.reshape(of_channels)) / std.reshape(of_channels)


def read_image(path: Path | str) -> Tensor:
    """An image file as a raw sample [1, 3, h, w], upright; `prepare` takes it if its size is right."""
    from PIL import Image

    with Image.open(path) as image:
        values = as_pixels(image, DEEP).astype(np.float32)
    return torch.from_numpy(values.transpose(2, 0, 1)[None].copy())


def read_rows(rows: Iterable[Mapping[str, Any]]) -> Tensor:
    """Rows of a table as samples for `prepare`; as pandas reads them: read_rows(frame.to_dict("records"))."""
    samples = []
    for row in rows:
        sample: list[float] = []
        for name, mean, std, words in COLUMNS:
            sample += [float(str(row[name]) == word) for word in words] or [(float(row[name]) - mean) / std]
        samples.append(sample)
    return torch.tensor(samples)


def resized(model: nn.Module) -> nn.Module:
    """The network without the nodes that the ticket has cut off: layers get the sizes of their weights."""
    for name, values in stored().items():
        owner, _, leaf = name.rpartition(".")
        if values.dtype != torch.bool:
            layer = model.get_submodule(owner)
            if getattr(layer, leaf).shape != values.shape:
                settle(layer, leaf, values.clone())
    return model


@cache
def stored() -> dict[str, Tensor]:
    """The tensors in the file of weights, by name: safetensors, https://huggingface.co/docs/safetensors."""
    content = bytearray(Path(__file__).with_name(WEIGHTS).read_bytes())
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    kinds = {"F32": torch.float32, "BOOL": torch.bool}
    tensors = {}
    for name, told in header.items():
        if name != "__metadata__":
            place, size = start + told["data_offsets"][0], prod(told["shape"])
            values = torch.frombuffer(content, dtype=kinds[told["dtype"]], count=size, offset=place)
            tensors[name] = values.reshape(told["shape"])
    return tensors
