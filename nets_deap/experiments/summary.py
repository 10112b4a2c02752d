"""The results of a comparison: means, confidence intervals and paired differences."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from nets_deap.experiments import budgets, comparison_folder
from nets_deap.experiments.arms import label
from nets_deap.experiments.config import CompareConfig
from nets_deap.experiments.trial import Row, Trial
from nets_deap.problem.budget import UNLIMITED, Budget
from nets_deap.search.registry import gives_ticket, method_of, parse
from nets_deap.search.spec import MethodSpec
from nets_deap.util.errors import NetsError
from nets_deap.util.statistics import Paired, holm, mean_interval, paired_difference

STEPS = (5, 10, 20)  # numbers of seeds with `until_half_width`, fixed in advance
DENSE = "dense"
MISSED = 0.05  # relative error from which a density counts as another one, so that accuracies do not compare


@dataclass
class Comparison:
    """A comparison with the trials run so far.

    rows: one for each finished trial, as in trials.csv
    failed: trials that raised an error, with its text
    """

    config: CompareConfig
    rows: list[Row] = field(default_factory=list)
    failed: dict[Trial, str] = field(default_factory=dict)

    def summaries(self) -> list[Summary]:
        """One summary for each method and density, in the order given.

        Each is paired with the reference, but the random tickets of a NeTS are paired with that NeTS.
        All these tests are one family, for which their p-values are corrected.
        """
        reference, looks = reference_of(self.config), self.looks
        told = []
        for density in self.config.densities:
            for method in methods_of(self.config):
                if rows := self._of(method, density):
                    paired_with = _paired_with(method) or reference
                    theirs = self._of(paired_with, density) if paired_with != method else {}
                    budget = budgets.budget_of(self.config, method)
                    arm = label(method, self.config.arms) if self.config.arms else ""
                    told.append(Summary(method, density, rows, paired_with, theirs, budget, looks, arm))
        tests = {i: paired.p_value for i, each in enumerate(told) if (paired := each.difference())}
        for i, p in zip(tests, holm(list(tests.values())), strict=True):
            told[i] = replace(told[i], p_holm=p)
        return told

    @property
    def looks(self) -> int:
        """How often the results may be looked at before it is decided that they are enough."""
        return 1 if self.config.until_half_width is None else len(STEPS)

    def unequal(self) -> list[tuple[float, Summary]]:
        """The search that has used the least of its budget and the one that has used the most, with their
        shares, at a density at which these differ by more than FAR; none if there is no such density."""
        for density in self.config.densities:
            told = [
                (spent.share, each)
                for each in self.summaries()
                if each.density == density and budgets.searches(each.method) and (spent := each.spent())
            ]
            told.sort(key=lambda pair: pair[0])
            if told and told[-1][0] - told[0][0] > budgets.FAR:
                return [told[0], told[-1]]
        return []

    def _of(self, method: MethodSpec, density: float) -> dict[int, Row]:
        """seed -> row"""
        wanted = (method, density)
        return {row["seed"]: row for row in self.rows if (parse(row["method"]), row["asked"]) == wanted}


@dataclass(frozen=True)
class Summary:
    """A method at a density, over seeds.

    density: the density asked for
    rows: seed -> row
    paired_with, reference: the method it is compared with, and its rows; no rows for the reference itself
    budget: what each of its searches might spend
    arm: its name, if the comparison has arms
    looks: for which intervals and p-values are corrected; see `statistics.mean_interval`
    p_holm: the p-value of the difference, also corrected for all tests of the comparison
    """

    method: MethodSpec
    density: float
    rows: dict[int, Row]
    paired_with: MethodSpec
    reference: dict[int, Row]
    budget: Budget = UNLIMITED
    looks: int = 1
    arm: str = ""
    p_holm: float | None = None

    @property
    def name(self) -> str:
        """What tables call it."""
        return self.arm or str(self.method)

    def values(self, column: str) -> list[float]:
        return [row[column] for row in self.rows.values()]

    def difference(self) -> Paired | None:
        """Paired difference in test accuracy to the reference on the same seeds, in points.

        None with fewer than two common seeds, or if the densities of the two methods do not compare.
        """
        seeds = sorted(self.rows.keys() & self.reference.keys())
        if len(seeds) < 2 or not self._of_comparable_size():
            return None
        ours, theirs = ([100 * rows[s]["test_acc"] for s in seeds] for rows in (self.rows, self.reference))
        return paired_difference(ours, theirs, looks=self.looks)

    def _of_comparable_size(self) -> bool:
        """Do both have the density asked for (the dense network need not), or else the same density?"""
        ours, theirs = (
            float(np.mean([row["density"] for row in rows.values()])) for rows in (self.rows, self.reference)
        )
        hits = [
            method.name == DENSE or abs(density / self.density - 1) <= MISSED
            for method, density in ((self.method, ours), (self.paired_with, theirs))
        ]
        return all(hits) or abs(ours / theirs - 1) <= MISSED

    def row(self) -> Row:
        """The row of summary.csv."""
        accuracy = mean_interval([100 * value for value in self.values("test_acc")], looks=self.looks)
        told: Row = {
            "method": str(self.method),
            **({"arm": self.arm} if self.arm else {}),
            "asked": self.density,
            "seeds": len(self.rows),
            "density": float(np.mean(self.values("density"))),
            "test_acc": accuracy.mean,
            "test_acc_half_width": accuracy.half_width,
        }
        if difference := self.difference():
            told |= {
                "paired_with": str(self.paired_with),
                "difference": difference.mean,
                "difference_half_width": difference.half_width,
                "p_value": difference.p_value,
                "p_holm": self.p_holm,
            }
        for column in (
            "test_loss",
            "early_stop_iteration",
            *comparison_folder.costs("search"),
            *comparison_folder.costs("train"),
        ):
            told[column] = float(np.mean(self.values(column)))
        if spent := self.spent():
            told |= {"budget_unit": spent.unit, "budget_used": spent.used, "budget_allowed": spent.allowed}
        return told

    def spent(self) -> budgets.Spent | None:
        """What its searches have spent of their budget, on average; None without one, or without a search."""
        means = {column: np.mean(self.values(column)) for column in comparison_folder.costs("search")}
        apart = gives_ticket(self.method) or method_of(self.method).searches()
        return budgets.spent(self.budget, means) if apart else None


def methods_of(config: CompareConfig) -> list[MethodSpec]:
    """The methods, and for each that may miss the density, a random ticket of the density it reached."""
    sparse = [density for density in config.densities if density < 1]
    found: dict[MethodSpec, None] = {}
    for spec in config.methods:
        found[spec] = None
        if not spec.control and any(method_of(spec).may_miss(config.dataset, density) for density in sparse):
            found[spec.controlled("random")] = None
    if config.reference and config.reference.base in found:
        found[config.reference] = None  # a control that the others are compared with
    return list(found)


def _paired_with(spec: MethodSpec) -> MethodSpec | None:
    """For a random ticket of a NeTS, that NeTS; None for any other method."""
    return spec.base if spec.control == "random" and method_of(spec).own_density else None


def reference_of(config: CompareConfig) -> MethodSpec:
    """The method that the others are compared with. Raises NetsError if it is none of them."""
    specs = methods_of(config)
    reference = config.reference or specs[0]
    if reference not in specs:
        raise NetsError(f"`reference` {reference} is none of the methods: {', '.join(map(str, specs))}")
    return reference
