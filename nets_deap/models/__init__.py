"""Architectures as data: prunable weights, extras (other parameters), hidden nodes; and the registry."""

from nets_deap.models.architecture import ENDS, INITIAL, Architecture, Extra, Wire
from nets_deap.models.convnet import ConvNet
from nets_deap.models.initialisers import INITIALISERS, initial_std
from nets_deap.models.layout import Layout, check_fits
from nets_deap.models.mlp import MLP
from nets_deap.models.registry import MODELS, build, check_name, described, from_description, state_dict
from nets_deap.models.wideresnet import WideResNet

__all__ = [
    "ENDS",
    "INITIAL",
    "INITIALISERS",
    "MLP",
    "MODELS",
    "Architecture",
    "ConvNet",
    "Extra",
    "Layout",
    "WideResNet",
    "Wire",
    "build",
    "check_fits",
    "check_name",
    "described",
    "from_description",
    "initial_std",
    "state_dict",
]
