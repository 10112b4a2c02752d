"""Compare search methods on a network and data of one's own."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import PrivateAttr

from nets_deap.config.layers import validate
from nets_deap.evolution.maps import make_map
from nets_deap.experiments import comparison
from nets_deap.experiments.config import CompareConfig
from nets_deap.front.problems import expect, problem_of
from nets_deap.front.progress import progress
from nets_deap.problem.problem import Problem
from nets_deap.util import shown
from nets_deap.util.errors import NetsError

if TYPE_CHECKING:
    import pandas as pd


FEW = 4  # means that fit a line


class _Given(CompareConfig):
    """A comparison on a problem that is an object, and not named by the fields."""

    _problem: Problem = PrivateAttr()

    def problem(self) -> Problem:
        return self._problem


@dataclass(frozen=True)
class Comparison:
    """The trials of a comparison as a table, their summary with paired differences, and what has failed."""

    trials: pd.DataFrame
    summary: pd.DataFrame
    failed: dict[str, str]

    def __repr__(self) -> str:
        return shown.angled(self._told())

    def _told(self) -> str:
        columns = (self.summary[name] for name in ("method", "asked", "test_acc"))
        told = [
            f"{method} at {asked:g} {accuracy:.2f}" for method, asked, accuracy in zip(*columns, strict=True)
        ]
        more = f", and {len(told) - FEW} more" if len(told) > FEW else ""
        failed = f", {len(self.failed)} failed" if self.failed else ""
        return (
            f"Comparison of {len(self.trials)} trials{failed}: test_acc in %, {', '.join(told[:FEW])}{more}"
        )

    def _repr_html_(self) -> str:
        failed = shown.table("failed", ["trial", "why"], self.failed.items()) if self.failed else ""
        return shown.line(self._told()) + self.summary.to_html(max_rows=shown.MOST_ROWS) + failed


def compare(
    model: Any,
    data: Any = None,
    methods: str | Sequence[str] = "imp,snip,random",
    densities: float | Sequence[float] = 0.05,
    *,
    seeds: int = 5,
    first_seed: int = 1,
    map: str = "serial",
    workers: int | None = None,
    out: str | Path | None = None,
    show: bool = True,
    budget_steps: int | None = None,
    reference: str | None = None,
    eval_every: int = 0,
    **problem: Any,
) -> Comparison:
    """Search and train with each method at each density, on paired seeds.

    model, data: as in `problem_of`, which also takes loss, metric, recipe, init, prunable and validation
    methods: as on the command line; out: a folder, in which a comparison that was interrupted goes on
    Raises NetsError for bad input, and if every trial fails.
    """
    import pandas as pd

    given = problem_of(model, data, **problem)
    expect("methods", methods, "names of methods", str, Sequence, functions=False)
    expect("densities", densities, "shares", int, float, Sequence, functions=False)
    told = {key: value for key, value in given.fields().items() if key in CompareConfig.model_fields}
    texts = {
        "dataset": given.dataset if isinstance(given.dataset, str) else f"given:{given.data.checksum}",
        "arch": given.arch_name,
        "methods": methods if isinstance(methods, str) else ",".join(str(each) for each in methods),
        "densities": [densities] if isinstance(densities, int | float) else list(densities),
        "seeds": seeds,
        "seed": first_seed,
        "budget_steps": budget_steps,
        "reference": reference,
        "eval_every": eval_every,
        "map": map,
    }
    config = validate(_Given, told | texts)
    config._problem = given
    folder = nullcontext(str(out)) if out is not None else tempfile.TemporaryDirectory()
    with folder as place, make_map(map, workers, "cpu") as engine, progress("comparison", show) as tell:
        found = comparison.compare(
            config, Path(place), engine, lambda done, total, row: tell({"done": done, "of": total})
        )
    failed = {trial.name: error for trial, error in found.failed.items()}
    if not found.rows and failed:
        raise NetsError(f"every trial has failed: {next(iter(failed.values()))}")
    summary = pd.DataFrame([told.row() for told in found.summaries()])
    return Comparison(pd.DataFrame(found.rows), summary, failed)
