"""Maps over any items, in this process or in worker processes."""

from nets_deap.util.lazy import exported

__getattr__, __dir__, __all__ = exported(
    __name__,
    {
        "choice": ["MAPS", "make_map"],
        "dask_map": ["DaskMap"],
        "processes": ["MultiprocessMap"],
        "serial": ["SerialMap"],
    },
)
