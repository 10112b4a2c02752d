"""Pruning: a score, an allocation over layers, and rounds."""

from nets_deap.util.lazy import exported

__getattr__, __dir__, __all__ = exported(
    __name__,
    {
        "allocation": ["ALLOCATIONS", "allocate", "keep"],
        "at_initialisation": ["PRUNINGS", "SEEDINGS", "Pruning"],
        "scores": ["SCORES", "Candidate"],
        "traces": ["TRACES"],
    },
)
