"""The config of one search."""

from __future__ import annotations

from pydantic import model_validator

from nets_deap.config.base import BudgetConfig, Share
from nets_deap.util.errors import NetsError

POPULATIONS = ("weedout", "node-evolution", "random-nodes")


class SearchConfig(BudgetConfig):
    """One search by any method.

    epochs, iterations: of the training to the end, which a method may go by
    map: of a population in node space
    track_test: have the test accuracy of an ES's rounds in the logbook
    """

    method: str = "imp"
    density: Share = 0.2
    map: str = "multiprocess"
    track_test: bool = False

    @model_validator(mode="after")
    def _on_a_cpu(self) -> SearchConfig:
        name = self.method.partition(":")[0]
        batched = self.map == "batched"
        if batched and name not in POPULATIONS:
            raise NetsError(f"--map batched is for populations of networks, which {name} has none of")
        if self.device != "cpu" and not (batched or name in ("es", "es-paper")):
            raise NetsError(
                "this search runs on the CPU; for a GPU there are es, and --map batched of evolve and weedout"
            )
        return self
