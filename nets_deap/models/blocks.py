"""Residual blocks as data."""

from __future__ import annotations

from typing import NamedTuple


class Block(NamedTuple):
    """A residual block: relu(BN) – convolution – relu(BN) – convolution, and a shortcut past them.

    name: in the module; source, inner, target: groups of channels before, inside and after the block
    stride: of the first convolution and of the shortcut
    shortcut: whether it is a 1 × 1 convolution, because the number of channels or the image size changes
    """

    name: str
    source: str
    inner: str
    target: str
    stride: int
    shortcut: bool
