"""Configs of runs on a problem that is an object, and not named by their fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import PrivateAttr

from nets_deap.config.base import ProblemConfig
from nets_deap.config.layers import validate
from nets_deap.experiments.config import CompareConfig
from nets_deap.models.measure import ACCURACY
from nets_deap.problem.problem import Problem
from nets_deap.search.config import SearchConfig


class _Given(ProblemConfig):
    _problem: Problem = PrivateAttr()

    def problem(self) -> Problem:
        return self._problem


class GivenComparison(CompareConfig, _Given):
    pass


class GivenSearch(SearchConfig, _Given):
    pass


Config = TypeVar("Config", bound=_Given)


def configured(kind: type[Config], problem: Problem, values: Mapping[str, Any]) -> Config:
    """The config of a run on this problem, with these `values` of the other fields.

    A data set of the user's own has its checksum for a name. Raises NetsError for values that are refused.
    """
    told = {key: value for key, value in problem.fields().items() if key in kind.model_fields}
    data = problem.dataset if isinstance(problem.dataset, str) else f"given:{problem.data.checksum}"
    if (metric := str(problem.architecture.criterion.metric)) != ACCURACY:
        told["metric"] = metric  # nobody could tell it from the config, without the data
    told |= {"dataset": data, "arch": problem.arch_name, "device": problem.device}
    config = validate(kind, told | dict(values))
    config._problem = problem
    return config
