"""Validated configs, the sources of their values, and the run folder that stores them."""

from nets_deap.util.lazy import exported

__getattr__, __dir__, __all__ = exported(
    __name__,
    {
        "base": ["BudgetConfig", "ProblemConfig", "RecipeSettings", "Settings"],
        "layers": ["configure"],
        "presets": ["COMMAND_PRESETS"],
        "run_folder": ["default_folder"],
    },
)
