"""The networks that have names: those of the zoo, perceptrons of any widths, and torchvision's."""

from __future__ import annotations

import importlib
import re
from functools import partial
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from nets_deap.util import calls
from nets_deap.util.errors import NetsError, unknown

if TYPE_CHECKING:
    from torch import nn


class Named(NamedTuple):
    """A network of the zoo.

    module, function: where it is made, by function(*arguments, input_shape, outputs)
    halvings: how often its images are halved; None if it takes any samples
    mse: whether it is for squared errors, as in the NeTS paper
    """

    module: str
    function: str
    arguments: tuple[int, ...] = ()
    halvings: int | None = None
    mse: bool = False


MODELS: dict[str, Named] = {
    "mlp-10": Named("perceptrons", "paper", (10,), mse=True),
    "mlp-100": Named("perceptrons", "paper", (100,), mse=True),
    "lenet-300-100": Named("perceptrons", "lenet_300_100"),
    "lenet-5": Named("convolutional", "lenet_5", (), 4),
    "conv-2": Named("convolutional", "conv", (2,), 1),
    "conv-4": Named("convolutional", "conv", (4,), 2),
    "conv-6": Named("convolutional", "conv", (6,), 3),
    "cnn-8-16": Named("convolutional", "cnn_8_16", (), 2),
    "vgg-11": Named("convolutional", "vgg", (11,), 5),
    "vgg-16": Named("convolutional", "vgg", (16,), 5),
    "vgg-19": Named("convolutional", "vgg", (19,), 5),
    "resnet-18": Named("residual", "resnet_18", (), 3),
    "vit": Named("sequential", "vit", (), 1),
}
FAMILIES: dict[str, tuple[re.Pattern[str], Named]] = {
    "wrn-DEPTH-WIDTH": (
        re.compile(r"wrn-([1-9]\d{0,3})-([1-9]\d{0,2})"),
        Named("residual", "wide_resnet", (), 2),
    ),
    "resnet-DEPTH": (re.compile(r"resnet-([1-9]\d{0,3})"), Named("residual", "resnet_cifar", (), 2)),
    "gru-UNITS": (re.compile(r"gru-([1-9]\d{0,4})"), Named("sequential", "gru")),
}
MLP = re.compile(r"mlp:([1-9]\d{0,6}(?:-[1-9]\d{0,6})+)((?:,.*)?)")
TORCHVISION = "torchvision:"
FORMS = [*MODELS, *FAMILIES, "mlp:784-300-100-10", "torchvision:NAME", "module:function"]


def is_own(name: str) -> bool:
    """Does a name say module:function, for a network of the user's own?"""
    return ":" in name and not name.startswith(TORCHVISION) and not _widths(name)


def _widths(name: str) -> bool:
    """Does it name a perceptron by its widths, rather than a module called mlp?"""
    return name.startswith("mlp:") and not name[4:5].isalpha()


def _found(name: str) -> tuple[Named, tuple[int, ...]] | None:
    if name in MODELS:
        return MODELS[name], ()
    for pattern, named in FAMILIES.values():
        if found := pattern.fullmatch(name):
            return named, tuple(map(int, found.groups()))
    return None


def check_name(name: str) -> None:
    """Raise NetsError unless `name` names a network, or may name one of the user's own."""
    if is_own(name) or name.startswith(TORCHVISION) or _found(name):
        return
    if name.startswith("mlp:"):
        _mlp(name)
        return
    if re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", name):
        module, _, factory = name.rpartition(".")
        raise NetsError(f"unknown architecture '{name}': for a network of your own write {module}:{factory}")
    dashed = re.sub(r"(?<=[a-z])[ _]?(?=\d)", "-", name.lower())
    raise unknown("architecture", name, FORMS, dashed if _found(dashed) else None)


def is_of_the_papers(name: str) -> bool:
    """Is it a network of the papers on tickets? Their initial weights are ours."""
    return name.startswith(("mlp-", "lenet-300-100", "conv-", "cnn-", "wrn-"))


def suits_mse(name: str) -> bool:
    """Is it a network whose loss is the squared error, even for classes?"""
    return name in MODELS and MODELS[name].mse


def factory(name: str, input_shape: tuple[int, ...], outputs: int) -> partial[nn.Module]:
    """What makes the network of this name.

    Raises NetsError as `check_name` does, and for samples that the network cannot take.
    """
    check_name(name)
    if name.startswith(TORCHVISION):
        return _torchvision(name, outputs)
    if name.startswith("mlp:"):
        from nets_deap.models.zoo.perceptrons import perceptron

        return partial(perceptron, *_mlp(name, input_shape, outputs))
    named, numbers = _found(name)  # type: ignore[misc]  # the name is checked
    _check(name, named, numbers, input_shape)
    make = getattr(importlib.import_module(f"nets_deap.models.zoo.{named.module}"), named.function)
    return partial(make, *named.arguments, *numbers, input_shape, outputs)


def _torchvision(name: str, outputs: int) -> partial[nn.Module]:
    from torchvision import models

    short = name.removeprefix(TORCHVISION)
    if short not in (known := models.list_models()):
        raise unknown("model of torchvision", short, known)
    return partial(models.get_model, short, num_classes=outputs)


def _check(name: str, named: Named, numbers: tuple[int, ...], input_shape: tuple[int, ...]) -> None:
    """Raise NetsError for a depth that the family does not have, or data that are not images large enough."""
    rest = {"wide_resnet": 4, "resnet_cifar": 2}.get(named.function)
    if rest is not None and (numbers[0] <= rest or (numbers[0] - rest) % 6):
        some = ", ".join(str(rest + 6 * i) for i in (1, 2, 3, 4))
        kind = "wide ResNet" if rest == 4 else "ResNet for small images"
        raise NetsError(f"{name}: the depth of a {kind} is 6n + {rest}: {some}, …")
    if named.halvings is None:
        return
    least = 2**named.halvings
    if len(input_shape) != 3 or min(input_shape[1:]) < least:
        text = " × ".join(map(str, input_shape))
        raise NetsError(
            f"{name} wants images of {least} × {least} pixels or more, but the data set has {text}: "
            "take another `arch` or another `dataset`"
        )


def _mlp(
    name: str, input_shape: tuple[int, ...] = (), outputs: int | None = None
) -> tuple[list[int], str, bool]:
    """Widths, activation and biases of mlp:784-300-100-10, with activation=tanh or bias=yes after a comma.

    Raises NetsError for another form, and for widths that do not fit the samples.
    """
    found = MLP.fullmatch(name)
    if not found:
        raise NetsError(f"'{name}': expected mlp:784-300-100-10, perhaps with ,activation=tanh or ,bias=yes")
    widths = list(map(int, found[1].split("-")))
    _, given = calls.split(f"mlp:{found[2]}", "architecture")
    for key, known in (("activation", ("relu", "sigmoid", "tanh")), ("bias", ("yes", "no"))):
        if given.get(key, known[0]) not in known:
            raise unknown(key, given[key], known)
    if extra := given.keys() - {"activation", "bias"}:
        raise unknown("argument of mlp", min(extra), ("activation", "bias"))
    if outputs is not None and (widths[0], widths[-1]) != (size := prod(input_shape), outputs):
        raise NetsError(
            f"{name} has {widths[0]} inputs and {widths[-1]} outputs, but the data set needs {size} and "
            f"{outputs}"
        )

    return widths, given.get("activation", "relu"), given.get("bias") == "yes"
