"""A run's logbook for programs that show many runs: TensorBoard, MLflow, Weights & Biases."""

from nets_deap.util.lazy import exported

__getattr__, __dir__, __all__ = exported(
    __name__,
    {
        "log": ["Log", "tracked"],
        "names": ["TRACKERS", "check"],
    },
)
