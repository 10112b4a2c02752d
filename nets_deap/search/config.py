"""The config of one search."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer

from nets_deap.config.base import BudgetConfig, LogNames, log_setting
from nets_deap.config.fields import Share, one_of, setting
from nets_deap.evolution.settings import MAPS
from nets_deap.search.spec import MethodSpec


def _parsed(told: Any) -> Any:
    from nets_deap.search.registry import parse  # imports torch, which help should not

    return parse(told) if isinstance(told, str) else told


# In a config file, a method is text.
SpecField = Annotated[MethodSpec, BeforeValidator(_parsed), PlainSerializer(str)]


class SearchConfig(BudgetConfig):
    """One search by any method.

    epochs, iterations: length of the training to the end; methods may use it for their own trainings
    map: how a population in node space is evaluated
    track_test: record the test accuracy of each round of an ES in the logbook
    """

    method: SpecField = Field("imp", validate_default=True)
    density: Share = setting(0.2, "Share of the weights that stays.", "search", "D", True)
    map: Annotated[str, one_of("map", MAPS)] = setting(
        "multiprocess", "serial, multiprocess, dask, or batched, for a GPU.", "running", "NAME"
    )
    track_test: bool = setting(False, "Record the test accuracy of each round; it decides nothing.", "output")
    log: LogNames = log_setting()
