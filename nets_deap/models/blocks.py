"""Residual blocks as data."""

from __future__ import annotations

from typing import NamedTuple


class Block(NamedTuple):
    """A residual block: relu(BN) – convolution – relu(BN) – convolution, and what goes past them.

    name: in the module; source, inner, target: groups of channels before, within and after it
    shortcut: past it goes a 1 × 1 convolution, because the number of channels or the size changes
    """

    name: str
    source: str
    inner: str
    target: str
    stride: int
    shortcut: bool
