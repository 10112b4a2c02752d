"""Which parameters of a module are prunable."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from nets_deap.util import imports
from nets_deap.util.errors import unknown

if TYPE_CHECKING:
    from torch import Tensor, nn

Predicate = Callable[[str, "Tensor"], bool]  # (name in the state_dict, parameter)
ATTENTION = ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight")


def weights(module: nn.Module) -> Iterator[nn.Parameter]:
    """The parameters that are prunable by default, in the order of the modules.

    They are the weights of linear layers and of convolutions, of attention's projections, and of recurrent
    layers; not biases, normalisations and embeddings, nor what is frozen.
    """
    from torch import nn
    from torch.nn.modules.conv import _ConvNd

    for layer in module.modules():
        if isinstance(layer, nn.Linear | nn.Bilinear | _ConvNd):
            names = ["weight"]
        elif isinstance(layer, nn.MultiheadAttention):
            names = list(ATTENTION)
        elif isinstance(layer, nn.RNNBase | nn.RNNCellBase):
            names = [name for name, _ in layer.named_parameters(recurse=False) if name.startswith("weight_")]
        else:
            continue
        yield from (own for name in names if (own := getattr(layer, name, None)) is not None)


def embeddings_too(name: str, parameter: Tensor) -> bool:
    """Whatever has two dimensions or more, such as an embedding."""
    return parameter.ndim >= 2


PREDICATES: dict[str, Predicate] = {"embeddings": embeddings_too}


def is_own(text: str) -> bool:
    """Does a text name a predicate of the user's own?"""
    return ":" in text


def check_name(text: str) -> None:
    """Raise NetsError unless a text names a predicate, or may name one of the user's own."""
    if text not in PREDICATES and not is_own(text):
        raise unknown("choice of prunable parameters", text, [*PREDICATES, "module:function"])


def parsed(told: str | Predicate | None) -> Predicate | None:
    """The predicate that a text names: embeddings, or module:function. Raises NetsError for an unknown
    name.
    """
    if not isinstance(told, str):
        return told
    check_name(told)
    return PREDICATES.get(told) or imports.function(told, "prunable")
