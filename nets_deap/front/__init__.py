"""The verbs of the library: find a ticket, train, verify and compare, for a network and data of one's own."""

from nets_deap.util.lazy import exported

__getattr__, __dir__, __all__ = exported(
    __name__,
    {
        "comparison": ["compare", "merge"],
        "find": ["find_ticket"],
        "judge": ["train_ticket", "verify"],
        "problems": ["problem_of"],
        "sparse": ["keep_sparse"],
        "estimators": ["TicketClassifier", "TicketRegressor"],
    },
)
