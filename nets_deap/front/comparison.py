"""Compare search methods on a network and data of one's own, and join the shards of a comparison."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nets_deap.config.measured import measure_of
from nets_deap.evolution.maps import make_map
from nets_deap.experiments import budgets, comparison
from nets_deap.experiments import merge as merging
from nets_deap.experiments.arms import label
from nets_deap.experiments.summary import Comparison as Found
from nets_deap.experiments.trial import Trial
from nets_deap.front.configured import GivenComparison, configured
from nets_deap.front.problems import expect, given_problem
from nets_deap.front.progress import trials
from nets_deap.models.measure import ACCURACY, Measure
from nets_deap.util import journal, shown
from nets_deap.util.devices import of_a_run
from nets_deap.util.errors import NetsError

if TYPE_CHECKING:
    import pandas as pd


FEW = 4  # means that fit a line


@dataclass(frozen=True)
class Comparison:
    """The trials of a comparison as a table, their summary with paired differences, and what has failed.

    measure: the metric that stands in the trials as val_acc and test_acc, and in the summary times 100
    """

    trials: pd.DataFrame
    summary: pd.DataFrame
    failed: dict[str, str]
    measure: Measure = field(default_factory=Measure)

    def __repr__(self) -> str:
        return shown.angled(self._told())

    def _told(self) -> str:
        rows = self.summary.to_dict("records")
        names = [arm if isinstance(arm := row.get("arm"), str) else row["method"] for row in rows]
        scores = [self.measure.cell(row["test_acc"]).replace("nan", "diverged") for row in rows]
        told = [
            f"{name} at {row['asked']:g} {score}"
            for name, row, score in zip(names, rows, scores, strict=True)
        ]
        more = f", and {len(told) - FEW} more" if len(told) > FEW else ""
        failed = f", {len(self.failed)} failed" if self.failed else ""
        what = "test_acc in %" if self.measure.name == ACCURACY else f"test {self.measure.head}"
        return f"Comparison of {len(self.trials)} trials{failed}: {what}, {', '.join(told[:FEW])}{more}"

    def _repr_html_(self) -> str:
        failed = shown.table("failed", ["trial", "why"], self.failed.items()) if self.failed else ""
        return shown.line(self._told()) + self.summary.to_html(border=0, max_rows=shown.MOST_ROWS) + failed

    @classmethod
    def of(cls, found: Found, measure: Measure) -> Comparison:
        """Raises NetsError if every trial has failed."""
        import pandas as pd

        failed = {trial.name: error for trial, error in found.failed.items()}
        if not found.rows and failed:
            raise NetsError(f"every trial has failed: {next(iter(failed.values()))}")
        told = pd.DataFrame([each.row() for each in found.summaries()])
        return cls(pd.DataFrame(found.rows), told, failed, measure)


def compare(
    model: Any,
    data: Any = None,
    methods: str | Sequence[str] | Mapping[str, Any] = "imp,snip,random",
    densities: float | Sequence[float] = 0.05,
    *,
    seeds: int | Sequence[int] = 5,
    first_seed: int = 1,
    map: str = "serial",
    workers: int | None = None,
    scheduler: str | None = None,
    out: str | Path | None = None,
    show: bool = True,
    budget_steps: int | None = None,
    equal_budget: int | None = None,
    reference: str | None = None,
    eval_every: int = 0,
    shard: str | None = None,
    **problem: Any,
) -> Comparison:
    """Search and train with each method at each density, on paired seeds.

    model, data: as in `problem_of`, which also takes loss, metric, recipe, init, prunable, validation and
        device
    methods: as on the command line; or arms by their names, each a method, or {"method": …} and its options
    seeds: how many, from `first_seed` on, or which
    budget_steps: the most gradient steps that a search may take; equal_budget: those to which every method is
        stretched that can take them, see `budgets.plan`
    out: a folder, in which a comparison that was interrupted goes on
    shard: "1/3" runs the first of three parts of the trials; `merge` joins the folders of all
    Raises NetsError for bad input, and if every trial fails.
    """
    given = given_problem(model, data, problem)
    expect(
        "methods",
        methods,
        "names of methods, or arms by their names",
        str,
        Sequence,
        Mapping,
        functions=False,
    )
    expect("seeds", seeds, "how many, or which", Integral, Sequence, np.ndarray, functions=False)
    expect("densities", densities, "shares", int, float, Sequence, functions=False)
    texts: dict[str, Any] = {
        "densities": [densities] if isinstance(densities, int | float) else list(densities),
        "seeds": list(seeds) if isinstance(seeds, Sequence | np.ndarray) else seeds,
        "seed": first_seed,
        "budget_steps": budget_steps,
        "equal_budget": equal_budget,
        "shard": shard,
        "reference": reference,
        "eval_every": eval_every,
        "map": map,
    }
    if isinstance(methods, Mapping):
        texts["arms"] = dict(methods)
    else:
        texts["methods"] = methods if isinstance(methods, str) else ",".join(str(each) for each in methods)
    config = configured(GivenComparison, given, texts)
    folder = nullcontext(str(out)) if out is not None else tempfile.TemporaryDirectory()
    measure = Measure(str(given.architecture.criterion.metric))
    total = len(comparison.trials_of(budgets.plan(config).config))

    def named(trial: Trial) -> str:
        return f"{label(trial.method, config.arms)} at {trial.density:g}, seed {trial.seed}"

    with (
        folder as place,
        make_map(map, workers, of_a_run(given.device, scheduler), scheduler=scheduler) as engine,
        trials(total, show, measure, named) as tell,
        journal.kept(f"compare: {', '.join(str(each) for each in config.methods)}")
        if out is not None
        else nullcontext(),
    ):
        found = comparison.compare(config, Path(place), engine, tell)
    return Comparison.of(found, measure)


def merge(folders: Sequence[str | Path], out: str | Path) -> Comparison:
    """Join the folders of all shards of a comparison to the one that a run in one piece would have written.

    out: a folder that is not there yet, or empty. Raises NetsError as `experiments.merge.merge` does.
    """
    merged = merging.merge([Path(each) for each in folders], Path(out))
    return Comparison.of(merged, measure_of(merged.config, Path(out), build=False) or Measure())
