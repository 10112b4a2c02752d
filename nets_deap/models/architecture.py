"""A network as data: its prunable weights, and its extras, which are all its other parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from nets_deap.models.criterion import CROSS_ENTROPY, Criterion
from nets_deap.models.layout import INITIAL, Extra, Layout

if TYPE_CHECKING:
    from torch import Tensor, nn

    from nets_deap.models.perceptron import Perceptron
    from nets_deap.models.template import Template


@dataclass(frozen=True)
class Architecture:
    """A network as data; every `nn.Module` has one.

    name: in the registry, or module:function of the user's factory
    input_shape, input_dtype: of one sample; outputs: how many numbers it puts out, or how many at each place
    parameters: keys of the prunable weights in the module's `state_dict`; layout: their layout, n in all
    extras: all others, m numbers; those that gradients train come first
    sizes: nodes left in each group, for a network narrowed to fewer; see `node_space`
    criterion: how its outputs are judged
    template: its module; None until it is needed, if the architecture is read from a ticket
    source: makes it then
    """

    name: str
    input_shape: tuple[int, ...]
    outputs: int
    parameters: tuple[str, ...]
    layout: Layout
    extras: tuple[Extra, ...] = ()
    sizes: tuple[int, ...] | None = None
    input_dtype: str = "float32"
    criterion: Criterion = field(default=CROSS_ENTROPY, compare=False)
    template: Template | None = field(default=None, compare=False, repr=False)
    source: Callable[[Architecture], Template] | None = field(default=None, compare=False, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "template": None}  # a module of the user's own may not pickle

    def module(self) -> nn.Module:
        """A plain PyTorch network of this architecture. Raises NetsError as `known` does."""
        return self.known().instance()

    def known(self) -> Template:
        """The template, made by `source` when it is first needed.

        Raises NetsError for a network of the user's own that nobody has handed over.
        """
        if self.template is None:
            assert self.source is not None
            object.__setattr__(self, "template", self.source(self))
        assert self.template is not None
        return self.template

    @property
    def perceptron(self) -> Perceptron | None:
        """Its layers, if it is a perceptron, for which there are hand-derived gradients."""
        return self.known().perceptron

    @property
    def initial_extras(self) -> np.ndarray:
        """float32[m]: the initial values of all extras."""
        return self.known().initial_extras if self.extras else INITIAL

    def or_initial(self, extras: np.ndarray) -> np.ndarray:
        """`extras`, float32[m]; the initial values if `extras` is the placeholder INITIAL."""
        return extras if extras.size else self.initial_extras

    @cached_property
    def trained_extras(self) -> int:
        """How many of the m extras gradients train; these come first."""
        return sum(extra.size for extra in self.extras if extra.trained)

    def named(self, weights: Any, extras: Any) -> dict[str, Any]:
        """Views of both vectors (arrays or tensors) by their names in the module's `state_dict`.

        extras: [m], or as many of the first as gradients train
        """
        parts = {
            name: part for name, (_, part) in zip(self.parameters, self.layout.split(weights), strict=True)
        }
        start = 0
        for extra in self.extras:
            if start == len(extras):
                break
            parts[extra.name] = extras[start : start + extra.size].reshape(extra.shape)
            start += extra.size
        return parts

    def targets(self, y: Tensor, dtype: Any) -> Tensor:
        """Targets in the form that the loss takes; see `Loss.targets`."""
        return self.criterion.loss.targets(y, self.outputs, dtype)

    def description(self) -> dict[str, Any]:
        """What a ticket says of it, ready for JSON; `registry.described` is the inverse."""
        return {
            "model": self.name,
            "input_shape": list(self.input_shape),
            "input_dtype": self.input_dtype,
            "outputs": self.outputs,
            "sizes": None if self.sizes is None else list(self.sizes),
            "layers": dict(zip(self.parameters, map(list, self.layout.shapes), strict=True)),
            "extras": [[extra.name, list(extra.shape), extra.trained] for extra in self.extras],
        }

    def same_shapes(self, other: Architecture) -> bool:
        """Do both have the same weights and extras, in names and shapes, and the same inputs?"""
        return (self.parameters, self.layout, self.extras, self.input_shape) == (
            other.parameters, other.layout, other.extras, other.input_shape
        )  # fmt: skip
