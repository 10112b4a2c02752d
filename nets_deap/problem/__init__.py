"""The problem that a search is given, the budget that it spends, and the ticket that it finds."""

from nets_deap.util.lazy import exported

__getattr__, __dir__, __all__ = exported(
    __name__,
    {
        "budget": ["UNLIMITED", "Budget", "Cost", "Meter"],
        "problem": ["Problem"],
        "optimizer": ["OPTIMIZERS"],
        "recipe": ["Recipe"],
        "ticket": ["Ticket", "load_ticket"],
    },
)
