"""Judging tickets: trials, comparisons, verdicts."""

from nets_deap.util.lazy import exported

__getattr__, __dir__, __all__ = exported(
    __name__,
    {
        "comparison": ["compare", "stored"],
        "config": ["CompareConfig", "ConnectivityConfig", "TrainConfig", "TransferConfig", "VerifyConfig"],
        "summary": ["Comparison", "Summary"],
        "trial": ["Trial", "run_trial"],
        "verdict": ["Verdict", "verify"],
    },
)
