"""What a network is: its prunable weights, its extras (other parameters), and how its outputs are judged."""

from nets_deap.models.architecture import Architecture
from nets_deap.models.catalogue import FAMILIES, MODELS, check_name
from nets_deap.models.criterion import Criterion
from nets_deap.models.initialisers import INITIALISERS, initial_std
from nets_deap.models.layout import INITIAL, Extra, Layout, check_fits
from nets_deap.models.losses import LOSSES, Loss
from nets_deap.models.metrics import METRICS, Metric
from nets_deap.models.registry import Model, build, state_dict

__all__ = [
    "FAMILIES",
    "INITIAL",
    "INITIALISERS",
    "LOSSES",
    "METRICS",
    "MODELS",
    "Architecture",
    "Criterion",
    "Extra",
    "Layout",
    "Loss",
    "Metric",
    "Model",
    "build",
    "check_fits",
    "check_name",
    "initial_std",
    "state_dict",
]
