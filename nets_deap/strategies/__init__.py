"""Evolution strategies by name."""

from nets_deap.strategies.openai_es import OpenAIES
from nets_deap.strategies.pgpe import PGPE
from nets_deap.strategies.sep_cma_es import SepCMAES
from nets_deap.strategies.snes import SNES
from nets_deap.strategies.strategy import Point, Strategy

__all__ = ["PGPE", "SNES", "STRATEGIES", "OpenAIES", "Point", "SepCMAES", "Strategy"]

STRATEGIES: dict[str, type[Strategy]] = {
    "snes": SNES,
    "pgpe": PGPE,
    "sep-cma-es": SepCMAES,
    "openai-es": OpenAIES,
}
