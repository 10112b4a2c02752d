"""Comparisons of search methods on paired seeds: trials in parallel, resumable at each of them."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from nets_deap import files, results
from nets_deap.config import CompareConfig
from nets_deap.errors import NetsError
from nets_deap.experiment import Paired, mean_interval, paired_difference
from nets_deap.parallel import ENDED_ITS_WORKER, MultiprocessMap, SerialMap
from nets_deap.search import parse, parse_all
from nets_deap.search.nets import Nets
from nets_deap.trials import Row, Trial, base_of, check, find, found_already, run_trial

STEPS = (5, 10, 20)  # seeds with --until-half-width, fixed beforehand
DENSE = "dense"
MISSED = 0.05  # a density so much off, as a share, is another one, and accuracies are not compared


Engine = SerialMap | MultiprocessMap
Outcome = tuple[Trial, Row | None, str]  # a trial, and its row or what went wrong
OnTrial = Callable[[int, int, Row | str], None]


@dataclass
class Comparison:
    """A comparison as far as it has come.

    rows: one for each finished trial, as in trials.csv
    failed: trials that raised an error, with its text
    """

    config: CompareConfig
    rows: list[Row] = field(default_factory=list)
    failed: dict[Trial, str] = field(default_factory=dict)

    def summaries(self) -> list[Summary]:
        """One for each method and density, in the order given.

        Each is paired with the reference, but for a NeTS's random tickets: these with the NeTS itself.
        """
        reference = reference_of(self.config)
        told = []
        for density in self.config.densities:
            for method in methods_of(self.config):
                if rows := self._of(method, density):
                    paired_with = _paired_with(method) or reference
                    theirs = self._of(paired_with, density) if paired_with != method else {}
                    told.append(Summary(method, density, rows, paired_with, theirs))
        return told

    def _of(self, method: str, density: float) -> dict[int, Row]:
        """seed -> row"""
        return {row["seed"]: row for row in self.rows if row["method"] == method and row["asked"] == density}


@dataclass(frozen=True)
class Summary:
    """A method at a density, over seeds.

    density: what was asked for
    rows: seed -> row
    paired_with, reference: the method it is compared with, and that one's rows; none for the reference itself
    """

    method: str
    density: float
    rows: dict[int, Row]
    paired_with: str
    reference: dict[int, Row]

    def values(self, column: str) -> list[float]:
        return [row[column] for row in self.rows.values()]

    def difference(self) -> Paired | None:
        """Test accuracy against the reference's on the same seeds, in points.

        None without two of them, and where one of the two has missed the density and the other has not.
        """
        seeds = sorted(self.rows.keys() & self.reference.keys())
        if len(seeds) < 2 or not self._of_comparable_size():
            return None
        ours, theirs = ([100 * rows[s]["test_acc"] for s in seeds] for rows in (self.rows, self.reference))
        return paired_difference(ours, theirs)

    def _of_comparable_size(self) -> bool:
        """Is everything as dense as was asked, or one as the other? The dense network is not asked to be."""
        ours, theirs = (
            float(np.mean([row["density"] for row in rows.values()])) for rows in (self.rows, self.reference)
        )
        hits = [
            method == DENSE or abs(density / self.density - 1) <= MISSED
            for method, density in ((self.method, ours), (self.paired_with, theirs))
        ]
        return all(hits) or abs(ours / theirs - 1) <= MISSED

    def row(self) -> Row:
        """As in summary.csv."""
        accuracy = mean_interval([100 * value for value in self.values("test_acc")])
        told: Row = {
            "method": self.method,
            "asked": self.density,
            "seeds": len(self.rows),
            "density": float(np.mean(self.values("density"))),
            "test_acc": accuracy.mean,
            "test_acc_half_width": accuracy.half_width,
        }
        if difference := self.difference():
            told |= {
                "paired_with": self.paired_with,
                "difference": difference.mean,
                "difference_half_width": difference.half_width,
                "p_value": difference.p_value,
            }
        for column in (
            "test_loss",
            "early_stop_iteration",
            *results.costs("search"),
            *results.costs("train"),
        ):
            told[column] = float(np.mean(self.values(column)))
        return told


def methods_of(config: CompareConfig) -> list[str]:
    """The methods' names; beside a NeTS that may miss the density a random ticket of what it reached."""
    names: dict[str, None] = {}
    for choice in parse_all(config.methods):
        names[choice.text] = None
        if not choice.control and _may_miss(choice.method, config):
            names[f"{choice.text}+random"] = None
    if config.reference and (of := parse(config.reference)).base in names:
        names[of.text] = None  # a control that all are compared with
    return list(names)


def _may_miss(method: object, config: CompareConfig) -> bool:
    sparse = [density for density in config.densities if density < 1]
    return isinstance(method, Nets) and any(method.may_miss(config.dataset, density) for density in sparse)


def _paired_with(method: str) -> str:
    """The NeTS whose density a random ticket has; "" for all else."""
    choice = parse(method)
    return choice.base if choice.control == "random" and isinstance(choice.method, Nets) else ""


def reference_of(config: CompareConfig) -> str:
    """The method that the others are compared with. Raises NetsError if it is none of them."""
    names = methods_of(config)
    if config.reference is None:
        return names[0]
    reference = parse(config.reference).text
    if reference not in names:
        raise NetsError(f"--reference {reference} is none of the methods: {', '.join(names)}")
    return reference


def trials_of(config: CompareConfig, seeds: int) -> list[Trial]:
    """All trials in the order they are run: seed by seed, so that what is there early is paired."""
    names = methods_of(config)
    return [
        Trial(name, density, seed)
        for seed in range(config.seed, config.seed + seeds)
        for density in config.densities
        for name in names
    ]


def compare(
    config: CompareConfig,
    folder: Path,
    engine: Engine,
    on_trial: OnTrial | None = None,
) -> Comparison:
    """Run what is not there yet, and write trials.csv, seconds.csv and summary.csv.

    engine: a map of ours
    on_trial: told of trials done, trials in all, and a finished trial's row or a failed one's error

    A trial that fails is in `failed`; the others go on, and the next run repeats it.
    Raises NetsError, before anything is run, for what cannot be.
    """
    reference_of(config)  # which may be none of the methods
    if config.until_half_width is not None and len(parse_all(config.methods)) < 2:
        raise NetsError("--until-half-width is for differences: it needs two methods or more")
    steps = [config.seeds] if config.until_half_width is None else STEPS
    if not results.read_rows(folder).keys() >= set(trials_of(config, steps[0])):
        problem = config.problem()  # what is rebuilt from trials.csv needs no data
        for name in methods_of(config):
            for density in config.densities:
                check(Trial(name, density, config.seed), problem, config.budget())
    comparison = Comparison(config)
    with files.claimed_folder(folder):
        whole = results.claim(folder, config)
        for seeds in steps:
            _run(comparison, whole, trials_of(config, seeds), folder, engine, on_trial)
            wide = config.until_half_width is not None and not _narrow(comparison, config.until_half_width)
            if comparison.failed or not wide:
                break
    return comparison


def stored(folder: Path) -> Comparison | None:
    """All that a folder's trials.csv has; None where there is none."""
    if not (rows := results.read_rows(folder)):
        return None
    return Comparison(results.read_config(folder), list(rows.values()))


def _run(
    comparison: Comparison,
    whole: CompareConfig,
    trials: list[Trial],
    folder: Path,
    engine: Engine,
    on_trial: OnTrial | None,
) -> None:
    """Run the trials that are missing; summary.csv is of the whole comparison, of which they are a part."""
    before = results.read_rows(folder)
    known = {t: row for t in trials if (row := before.get(t) or results.read_trial(folder, t))}
    comparison.failed = {}
    attempt = partial(_attempt, config=comparison.config, folder=folder)

    def tell(outcome: Outcome) -> None:
        trial, row, error = outcome
        if row is None:
            comparison.failed[trial] = error
        else:
            known[trial] = row
        if on_trial:
            on_trial(len(known) + len(comparison.failed), len(trials), row or error)

    try:
        new = [trial for trial in trials if trial not in known]
        if new:
            results.claim_data(folder, comparison.config)
        controls = [trial for trial in new if base_of(trial) != trial]
        engine(attempt, [trial for trial in new if trial not in controls], tell, _lost)
        # Each control needs the ticket of what it controls, which need not be a trial of its own.
        bases = {base_of(trial): None for trial in controls}
        missing = [base for base in bases if found_already(base, folder) is None]
        engine(partial(_search, config=comparison.config, folder=folder), missing, None, lambda trial: None)
        engine(attempt, controls, tell, _lost)
    finally:
        comparison.rows = [known[trial] for trial in trials if trial in known]
        everything = before | known
        summary = [told.row() for told in Comparison(whole, list(everything.values())).summaries()]
        results.write(folder, everything, summary, whole.track_test)


def _search(trial: Trial, config: CompareConfig, folder: Path) -> None:
    """Find a ticket; if that fails, the trials that need it say so."""
    with suppress(Exception):
        find(trial, config, folder)


def _attempt(trial: Trial, config: CompareConfig, folder: Path) -> Outcome:
    try:
        return trial, run_trial(trial, config, folder), ""
    except NetsError as error:
        return trial, None, str(error)
    except Exception as error:  # the others go on
        with suppress(NetsError):
            files.write_text(folder / "trials" / f"{trial.name}.error", traceback.format_exc())
        return trial, None, f"{type(error).__name__}: {error}"


def _lost(trial: Trial) -> Outcome:
    return trial, None, f"the trial {ENDED_ITS_WORKER}"


def _narrow(comparison: Comparison, half_width: float) -> bool:
    """Are all the differences known well that were asked for? The random tickets beside NeTS were not."""
    asked = {choice.text for choice in parse_all(comparison.config.methods)}
    differences = [told.difference() for told in comparison.summaries() if told.method in asked]
    return all(paired.half_width <= half_width for paired in differences if paired)


def trained_only(method: str) -> bool:
    """Whether a method gives a trained network and no ticket."""
    return not parse(method).gives_ticket
