"""Data sets in memory."""

from nets_deap.util.lazy import exported

__getattr__, __dir__, __all__ = exported(
    __name__,
    {
        "dataset": ["Data", "Part"],
        "loading": ["load"],
        "sources": ["DATASETS", "check_name"],
    },
)
