"""What the folders of runs hold, read in a moment: without torch, and without the data."""

from nets_deap.util.lazy import exported

__getattr__, __dir__, __all__ = exported(
    __name__,
    {"folder": ["Held", "held"], "found": ["runs_in"]},
)
