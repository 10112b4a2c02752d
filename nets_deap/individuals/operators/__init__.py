"""Variation in DEAP's convention: in place, returning a tuple.

Every operator works on all genes at once and takes `rng`, a `numpy.random.Generator`; None draws a seed
from Python's `random`, so `random.seed` governs it as it governs DEAP's own operators.
"""

from nets_deap.individuals.operators.density import cxMask, mutLayers, mutSwap, repairDensity
from nets_deap.individuals.operators.informed import mutGlobal, mutGrow, mutPrune
from nets_deap.individuals.operators.paper import (
    cxUniformGene,
    mutAwaken,
    mutDormancy,
    mutGaussianNoise,
    mutResampleWeights,
    mutSequence,
)
from nets_deap.individuals.operators.traits import mutDensity, mutRate, mutReorder
from nets_deap.individuals.operators.weights import mutDifferential, mutFanIn, mutFlip, mutGains, mutSigns

__all__ = [
    "cxMask",
    "cxUniformGene",
    "mutAwaken",
    "mutDensity",
    "mutDifferential",
    "mutDormancy",
    "mutFanIn",
    "mutFlip",
    "mutGains",
    "mutGaussianNoise",
    "mutGlobal",
    "mutGrow",
    "mutLayers",
    "mutPrune",
    "mutRate",
    "mutReorder",
    "mutResampleWeights",
    "mutSequence",
    "mutSigns",
    "mutSwap",
    "repairDensity",
]
