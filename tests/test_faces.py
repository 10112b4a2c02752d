"""Every package names its public face, and every name in it is there."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import nets_deap

PACKAGES = [nets_deap.__name__] + [
    module.name for module in pkgutil.walk_packages(nets_deap.__path__, "nets_deap.") if module.ispkg
]


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_says_what_it_is_and_its_names_are_there(name: str) -> None:
    package = importlib.import_module(name)
    assert package.__doc__
    for exported in getattr(package, "__all__", []):
        assert getattr(package, exported) is not None
        assert exported in dir(package) or exported == "__version__"
    with pytest.raises(AttributeError):
        _ = package.no_such_name


OF_THE_FIRST_README = """
Evaluation Genome Layout MinimisedFitness ParetoFitness initGenome initial_std cxMask cxUniformGene
mutAwaken mutDensity mutDifferential mutDormancy mutFanIn mutFlip mutGains mutGaussianNoise mutGrow
mutLayers mutPrune mutRate mutReorder mutResampleWeights mutSequence mutSigns mutSwap repairDensity cxNodes
initNodes mutNodes TrainConfig EvolveConfig configure NetsError Problem Recipe DensityPenalty Evaluator
BatchedMap MultiprocessMap SerialMap map_genomes ElitistHallOfFame FrontOfFame make_toolbox Evolution
make_ticket selSpecies Ticket load_ticket train_ticket random_ticket
"""


@pytest.mark.parametrize("name", OF_THE_FIRST_README.split())
def test_names_that_were_public_once_are_there(name: str) -> None:
    assert name in nets_deap.__all__
