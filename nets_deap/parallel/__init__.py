"""Maps that know nothing of genomes."""

from nets_deap.util.lazy import exported

__getattr__, __dir__, __all__ = exported(
    __name__,
    {
        "choice": ["MAPS", "make_map"],
        "processes": ["MultiprocessMap"],
        "serial": ["SerialMap"],
    },
)
