"""Devices by name."""

from __future__ import annotations

from nets_deap.util.errors import NetsError, unknown

DEVICES = ("cpu", "cuda", "auto")


def resolved(name: str) -> str:
    """The device called `cpu` or `cuda`; auto is cuda where there is a CUDA device.

    Raises NetsError for another name, and for cuda if there is no CUDA device.
    """
    if name not in DEVICES:
        raise unknown("device", name, DEVICES)
    if name == "cpu":
        return name
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if name == "auto":
        return "cpu"
    raise NetsError("`device` cuda: this machine has no usable CUDA device: take cpu or auto")
