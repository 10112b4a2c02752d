"""Tickets of version 0.2 and earlier, which describe their networks by the fields of three classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from nets_deap.models.architecture import Architecture
from nets_deap.models.node_space import known, narrowed
from nets_deap.models.registry import build


def architecture(told: dict[str, Any]) -> Architecture:
    """The network that an old description names. Raises LookupError, TypeError or ValueError for none."""
    kind, name, outputs = told.get("kind", "mlp"), str(told["name"]), int(told["outputs"])
    if kind == "mlp":
        sizes = list(told["hidden"])
    elif kind == "convnet":
        sizes = [channels for block in told["blocks"] for channels in block] + list(told["hidden"])
    elif kind == "wide-resnet":
        stages = zip(told["streams"], told["inner"], strict=True)
        sizes = [told["stem"]] * told["shortcuts"][0] + [
            each for out, inner in stages for each in (out, *inner)
        ]
    else:
        raise LookupError(f"no kind '{kind}'")
    made = build(name, tuple(map(int, told["input_shape"])), outputs)
    if len(sizes) != len(known(made).nodes.sizes):
        raise ValueError("other layers than the network has")
    return narrowed(made, tuple(map(int, sizes)))


def in_our_order(extras: np.ndarray, made: Architecture) -> np.ndarray:
    """Old extras in the order of the architecture's: wide ResNets had their last layers' first."""
    if not made.name.startswith("wrn-"):
        return extras
    last = ("fc.", "norm.")
    trained = [extra for extra in made.extras if extra.trained]
    fixed = [extra for extra in made.extras if not extra.trained]
    order = [
        extra
        for part in (trained, fixed)
        for extra in sorted(
            part, key=lambda e: last.index(e.name[: e.name.find(".") + 1]) if e.name.startswith(last) else 2
        )
    ]
    values, start = {}, 0
    for extra in order:
        values[extra.name] = extras[start : start + extra.size]
        start += extra.size
    return np.concatenate([values[extra.name] for extra in made.extras])
