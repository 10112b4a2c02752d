"""What the searches of a comparison may spend, what they have spent, and how they are stretched to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from nets_deap.experiments.config import CompareConfig
from nets_deap.problem.budget import Budget
from nets_deap.search.registry import method_of, stretched
from nets_deap.search.spec import MethodSpec

FAR = 0.1  # of the budget: a difference from which a comparison is no longer on equal budgets


@dataclass(frozen=True)
class Plan:
    """A comparison whose methods are stretched to `equal_budget`.

    config: with the options that do so among the methods' own; without `equal_budget`, the config as it was
    became: the method given -> the same stretched; why: why it takes less than the budget, where it does
    """

    config: CompareConfig
    became: dict[MethodSpec, MethodSpec]
    why: dict[MethodSpec, str]


def plan(config: CompareConfig) -> Plan:
    """Raises NetsError for options of a method that are impossible. What was planned once stays as it is."""
    if config.equal_budget is None:
        return Plan(config, {}, {})
    problem = config.problem()
    given = dict.fromkeys([*config.methods, *([config.reference] if config.reference else [])])
    told = {spec: stretched(spec, problem, config.densities, config.equal_budget) for spec in given}
    became = {spec: new for spec, (new, _) in told.items()}
    update = {
        "methods": tuple(became[spec] for spec in config.methods),
        "arms": config.arms and {name: became[spec] for name, spec in config.arms.items()},
        "reference": config.reference and became[config.reference],
    }
    return Plan(config.model_copy(update=update), became, {spec: why for spec, (_, why) in told.items()})


def budget_of(config: CompareConfig, spec: MethodSpec) -> Budget:
    """The most that a search of this method may spend, by the config and by its own options."""
    budget = config.budget() if config.equal_budget is None else Budget(gradient_steps=config.equal_budget)
    return method_of(spec).limited(budget)


class Spent(NamedTuple):
    """Of the limits of a budget the one that a search has come nearest to.

    unit: as in `Cost`; used: the mean over seeds
    """

    unit: str
    used: float
    allowed: int

    @property
    def share(self) -> float:
        return self.used / self.allowed


def spent(budget: Budget, means: Mapping[str, Any]) -> Spent | None:
    """None without a limit. One of seconds does not count: it differs from run to run.

    means: search_gradient_steps, search_samples and search_forward_passes, as a summary has them
    """
    limits = {unit: limit for unit, limit in asdict(budget).items() if limit and unit != "seconds"}
    known = [Spent(unit, float(means[f"search_{unit}"]), limit) for unit, limit in limits.items()]
    return max(known, key=lambda each: each.share, default=None)


def searches(spec: MethodSpec) -> bool:
    """Is there a search of its own that a larger budget could lengthen? A control has that of its base."""
    return not spec.control and method_of(spec).searches()
