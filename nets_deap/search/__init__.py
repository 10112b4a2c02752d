"""Search methods: a problem, a budget and a density in; a ticket and a logbook out."""

from nets_deap.util.lazy import exported

__getattr__, __dir__, __all__ = exported(
    __name__,
    {
        "config": ["SearchConfig"],
        "controls": ["CONTROLS"],
        "method": ["Found", "Method"],
        "registry": ["METHODS", "method_of", "parse", "parse_all"],
        "run": ["search"],
        "spec": ["MethodSpec"],
    },
)
