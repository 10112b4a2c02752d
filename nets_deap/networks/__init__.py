"""Train one network, or a stack of networks, under masks."""

from nets_deap.util.lazy import exported

__getattr__, __dir__, __all__ = exported(
    __name__,
    {
        "backends": ["BACK_ENDS", "make_network", "make_stack"],
        "protocol": ["Network", "Trainable"],
        "scoring": ["Score", "evaluate", "score_all"],
        "stack": ["Stack"],
    },
)
