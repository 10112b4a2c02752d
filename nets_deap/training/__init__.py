"""Train networks under masks, and tickets to the end."""

from nets_deap.util.lazy import exported

__getattr__, __dir__, __all__ = exported(
    __name__,
    {
        "final": ["TrainingRun", "train_network", "train_ticket"],
        "loop": ["assert_masked", "train"],
    },
)
