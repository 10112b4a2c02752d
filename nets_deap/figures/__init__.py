"""Figures of the results in a folder."""

from nets_deap.util.lazy import exported

__getattr__, __dir__, __all__ = exported(
    __name__,
    {
        "folder": ["draw", "plot"],
        "style": ["save"],
    },
)
