"""Networks by name, or of the user's own, as architectures."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nets_deap.models import catalogue
from nets_deap.models.architecture import Architecture
from nets_deap.models.criterion import CROSS_ENTROPY, Criterion
from nets_deap.models.layout import INITIAL, Extra, Layout
from nets_deap.models.losses import Loss
from nets_deap.models.node_space import narrowed
from nets_deap.util import calls, imports, memory
from nets_deap.util.errors import NetsError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from nets_deap.models.prunable import Predicate
    from nets_deap.models.template import Template


BYTES = 13  # that a weight takes in a training: θ₀, mask, weight, gradient


@dataclass(frozen=True)
class Model:
    """A network of the user's own.

    name: module:function, by which a ticket refers to it
    make: returns a module, called with `input_shape` and `outputs` if it takes them
    """

    name: str
    make: Callable[..., nn.Module] = field(repr=False)

    @classmethod
    def of(cls, model: object) -> Model | str:
        """A factory, an instance, a name of the registry or a Model. Raises NetsError for anything else.

        Each call of `make` for an instance draws its weights anew, by `reset_parameters` of its layers.
        """
        from torch import nn

        if isinstance(model, str | Model):
            return model
        if isinstance(model, nn.Module):
            from nets_deap.models.instance import Redrawn

            kind = type(model)
            return cls(f"{kind.__module__}:{kind.__qualname__}", Redrawn(model))
        if callable(model):
            return cls(imports.name_of(model), model)
        raise NetsError(
            f"the model is {type(model).__name__}, expected a torch.nn.Module or what returns one"
        )


def build(
    model: str | Model,
    input_shape: tuple[int, ...],
    outputs: int,
    dtype: str = "float32",
    prunable: Predicate | None = None,
) -> Architecture:
    """The architecture of a network for samples of this shape and dtype, and so many outputs.

    prunable: says which parameters are prunable; by default what `prunable.weights` says
    Raises NetsError for an unknown name, for samples that the network cannot take, for a module that cannot
    be trained under a mask, and for one that memory cannot hold.
    """
    if isinstance(model, str):
        catalogue.check_name(model)
    return _built(model, input_shape, outputs, dtype, prunable)


def own(model: str | Model) -> dict[str, str]:
    """What `imports.cached` needs of a network."""
    return {"model": model} if isinstance(model, str) and catalogue.is_own(model) else {}


@imports.cached(16, lambda model, *_: own(model))
def _built(
    model: str | Model, input_shape: tuple[int, ...], outputs: int, dtype: str, prunable: Predicate | None
) -> Architecture:
    from nets_deap.models.statefulness import check
    from nets_deap.models.template import Template

    name = model if isinstance(model, str) else model.name
    make = _factory(model, input_shape, outputs)
    if isinstance(model, str) and not catalogue.is_own(model):
        _check_memory(name, make)
    template = Template(name, make, input_shape, dtype, prunable)
    ours = isinstance(model, str) and not catalogue.is_own(model)
    if not (ours and template.perceptron):
        check(template)
    return Architecture(
        name, input_shape, template.outputs or outputs, template.parameters, template.layout, template.extras,
        input_dtype=dtype, template=template, source=template_of,
        criterion=Criterion(Loss("mse")) if catalogue.suits_mse(name) else CROSS_ENTROPY,
    )  # fmt: skip


@dataclass(frozen=True)
class _Chosen:
    """Says that the parameters of these names are prunable."""

    names: tuple[str, ...]

    def __call__(self, name: str, parameter: Tensor) -> bool:
        return name in self.names


def handed_over(architecture: Architecture, name: str) -> Architecture:
    """An architecture read from a ticket, with the network `name` of the user's own for its module.

    Raises NetsError as `build` does, and for a network with other weights.
    """
    arguments = (name, architecture.input_shape, architecture.outputs, architecture.input_dtype)
    made, parameters = build(*arguments), architecture.parameters
    if made.parameters != parameters and {*parameters} <= dict(made.known().module.named_parameters()).keys():
        made = build(*arguments, prunable=_Chosen(parameters))  # as the search had them
    if architecture.sizes is not None:
        made = narrowed(made, architecture.sizes)
    if not made.same_shapes(architecture):
        raise NetsError(f"the ticket is for {architecture.name}, and {name} has other weights")
    return replace(architecture, template=made.known())


def template_of(architecture: Architecture) -> Template:
    """The template of an architecture that was read from a ticket, for a network of ours.

    Raises NetsError for one of the user's own, which no file imports, and for shapes that do not fit.
    """
    name = architecture.name
    if catalogue.is_own(name):
        raise NetsError(f"the ticket is for {name}, which no file imports: hand the network over, by `model`")
    return handed_over(architecture, name).known()


class Description(NamedTuple):
    """What `Architecture.description` says."""

    model: str
    input_shape: tuple[int, ...]
    input_dtype: str
    outputs: int
    sizes: tuple[int, ...] | None
    layers: dict[str, tuple[int, ...]]
    extras: list[tuple[str, tuple[int, ...], bool]]


def described(told: Description) -> Architecture:
    """The architecture of a description; its module is made when it is needed."""
    layout = Layout(tuple(name.removesuffix(".weight") for name in told.layers), tuple(told.layers.values()))
    extras = tuple(Extra(*extra) for extra in told.extras)
    return Architecture(
        told.model, told.input_shape, told.outputs, tuple(told.layers), layout, extras, told.sizes,
        told.input_dtype, source=template_of,
    )  # fmt: skip


def _check_memory(name: str, make: Callable[[], nn.Module]) -> None:
    """Raise NetsError, before it is made, for a network that memory does not hold."""
    import torch

    with torch.device("meta"):
        size = sum(parameter.numel() for parameter in make().parameters())
    memory.check(BYTES * float(size), f"{name} of {size:,} parameters", "take a smaller network")


def _factory(model: str | Model, input_shape: tuple[int, ...], outputs: int) -> Callable[[], nn.Module]:
    if isinstance(model, Model):
        return _called(model.make, {}, input_shape, outputs)
    if catalogue.is_own(model):
        module, function, *given = model.split(":", 2)
        _, arguments = calls.split(f"{function}:{''.join(given)}", "model")
        values = {key: calls.value(text) for key, text in arguments.items()}
        found = imports.function(f"{module}:{function}", "model")
        return _called(found, values, input_shape, outputs)
    return catalogue.factory(model, input_shape, outputs)


def _called(
    make: Callable[..., Any], given: dict[str, Any], input_shape: tuple[int, ...], outputs: int
) -> Callable[[], Any]:
    """A factory bound to its arguments, and to those of `input_shape` and `outputs` that it asks for."""
    try:
        asked = inspect.signature(make).parameters
    except (TypeError, ValueError):
        asked = {}  # type: ignore[assignment]
    ours = {"input_shape": input_shape, "outputs": outputs}
    return partial(make, **{**{key: value for key, value in ours.items() if key in asked}, **given})


def state_dict(
    architecture: Architecture, weights: np.ndarray, mask: np.ndarray, extras: np.ndarray = INITIAL
) -> dict[str, Tensor]:
    """The `state_dict` of the architecture's module: θ₀ ⊙ M and the extras (initial unless given)."""
    import torch

    masked = np.where(mask, weights, np.float32(0))
    others = architecture.or_initial(extras)
    return {name: torch.from_numpy(part.copy()) for name, part in architecture.named(masked, others).items()}
