"""Refuse modules that keep a state of their own: they would not give the same results twice."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nets_deap.models.template import Template
from nets_deap.util.errors import NetsError


def check(template: Template) -> None:
    """Raise NetsError for a module whose state survives a forward pass."""
    module = template.instance().eval()
    before = {name: each.clone() for name, each in module.state_dict().items()}
    first, second = (_tensors(template.run(module, template.sample(2))) for _ in range(2))
    changed = [k for k, each in module.state_dict().items() if not torch.equal(each, before[k])]
    if changed:
        raise NetsError(
            f"{template.name}: a forward pass in evaluation changes {changed[0]}: let it change in "
            "training only"
        )
    if len(first) != len(second) or not all(map(_same, first, second)):
        raise NetsError(
            f"{template.name} puts out something else when it is called again in evaluation: it keeps a "
            "state, or draws random numbers; let it start afresh in each call"
        )
    _check_buffers(template)


def _check_buffers(template: Template) -> None:
    """Raise NetsError for a module that replaces a buffer in training, or counts in one.

    Nothing reads such a state back out of the module.
    """
    module = template.instance().train()
    before = {name: (each, each.clone()) for name, each in module.named_buffers()}
    template.run(module, template.sample(2))
    for name, each in module.named_buffers():
        held, copied = before.get(name, (each, each))
        counts = not each.is_floating_point() and not torch.equal(each, copied)
        if each is not held or (counts and not name.endswith("num_batches_tracked")):
            raise NetsError(
                f"{template.name}: training replaces or counts in its buffer {name}: change a buffer of "
                "floats in place"
            )


def _tensors(output: Any) -> list[Tensor]:
    return [
        each
        for each in (output if isinstance(output, tuple | list) else [output])
        if isinstance(each, Tensor)
    ]


def _same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and bool(torch.allclose(one, other, rtol=1e-4, atol=1e-6, equal_nan=True))
