"""One HTML page of what folders of results hold."""

from nets_deap.util.lazy import exported

__getattr__, __dir__, __all__ = exported(
    __name__,
    {
        "page": ["write"],
        "reading": ["read"],
    },
)
