"""Devices by name."""

from __future__ import annotations

from nets_deap.util.errors import NetsError, unknown

DEVICES = ("cpu", "cuda", "auto")


def check(name: str) -> None:
    """Raise NetsError for another name than those of DEVICES."""
    if name not in DEVICES:
        raise unknown("device", name, DEVICES)


def of_a_run(name: str, scheduler: str | None = None) -> str:
    """`resolved`, but for a run on a cluster, whose workers look for their devices themselves.

    Raises NetsError as `resolved` does, and for auto on a cluster.
    """
    check(name)
    if scheduler is None or name == "cpu":
        return resolved(name)
    if name == "auto":
        raise NetsError("`device` auto: say cpu or cuda for the workers of a cluster")
    return name


def resolved(name: str) -> str:
    """The device of this machine called `cpu` or `cuda`; auto is cuda where there is a CUDA device.

    Raises NetsError for another name, and for cuda if there is no CUDA device.
    """
    check(name)
    if name == "cpu":
        return name
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if name == "auto":
        return "cpu"
    raise NetsError("`device` cuda: this machine has no usable CUDA device: take cpu or auto")
