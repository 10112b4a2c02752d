"""Comparisons of search methods on paired seeds: trials run in parallel, and resume after any trial."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from nets_deap.config import run_folder
from nets_deap.experiments import budgets, carried, comparison_folder, paper_table, unfinished
from nets_deap.experiments.config import CompareConfig
from nets_deap.experiments.shard import Shard
from nets_deap.experiments.summary import STEPS, Comparison, methods_of, reference_of
from nets_deap.experiments.trial import (
    Row,
    Trial,
    base_of,
    check,
    copied,
    find,
    found_already,
    found_files,
    recorded,
    run_trial,
)
from nets_deap.parallel.processes import ENDED_ITS_WORKER
from nets_deap.parallel.protocol import Map
from nets_deap.search.registry import method_of
from nets_deap.search.spec import MethodSpec
from nets_deap.util import files, memory, tables
from nets_deap.util.errors import NetsError, shortened

logger = logging.getLogger(__name__)
Outcome = tuple[Trial, Row | None, str]  # a trial, and its row or its error
OnTrial = Callable[[int, int, Row | str | None], None]


def trials_of(config: CompareConfig, seeds: int | None = None) -> list[Trial]:
    """All trials of the config's shard, in the order in which they run: seed by seed, so that early results
    are paired. A control is in the shard of the method whose ticket it needs.

    seeds: for so many from the first on; by default for all
    """
    names, shard = methods_of(config), Shard.parse(config.shard)
    bases = list(dict.fromkeys(name.base for name in names))
    return [
        Trial(name, density, seed)
        for i, seed in enumerate(config.all_seeds(seeds))
        for j, density in enumerate(config.densities)
        for name in names
        if shard.holds(i, j, bases.index(name.base))
    ]


def compare(
    config: CompareConfig,
    folder: Path,
    engine: Map,
    on_trial: OnTrial | None = None,
) -> Comparison:
    """Run the trials that are missing, and write their tables: trials.csv, seconds.csv, summary.csv, table.md
    and table.tex.

    engine: one of nets_deap's maps
    on_trial: called with the numbers of trials done and in all, and a trial's row or its error; first, if
        some are done already, with None in its place

    A trial that fails is put into `failed`; the others continue, and the next run repeats it.
    Raises NetsError, before anything runs, for a comparison that is impossible.
    """
    config = budgets.plan(config).config
    reference_of(config)  # raises NetsError if it is none of the methods
    if config.until_half_width is not None and len(config.methods) < 2:
        raise NetsError("`until_half_width` is for differences: it needs two methods or more")
    if not trials_of(config):
        raise NetsError(f"`shard` {config.shard} has no trial: take fewer parts")
    steps = [None] if config.until_half_width is None else STEPS
    if not comparison_folder.read_rows(folder).keys() >= set(trials_of(config, steps[0])):
        problem = config.problem()  # rebuilding from trials.csv needs no data
        for name in methods_of(config):
            for density in config.densities:
                check(Trial(name, density, config.all_seeds()[0]), problem, config.budget())
    comparison = Comparison(config)
    with run_folder.held(folder):
        whole = comparison_folder.claim(folder, config)
        for seeds in steps:
            _run(comparison, whole, trials_of(config, seeds), folder, engine, on_trial)
            wide = config.until_half_width is not None and not _narrow(comparison, config.until_half_width)
            if comparison.failed or not wide:
                break
    return comparison


def stored(folder: Path) -> Comparison | None:
    """The comparison of all trials in a folder's trials.csv; None if there is no such file."""
    if not (rows := comparison_folder.read_rows(folder)):
        return None
    return Comparison(comparison_folder.read_config(folder), list(rows.values()))


def _run(
    comparison: Comparison,
    whole: CompareConfig,
    trials: list[Trial],
    folder: Path,
    engine: Map,
    on_trial: OnTrial | None,
) -> None:
    """Run the missing trials; summary.csv covers the whole comparison, of which `trials` are a part."""
    before = comparison_folder.read_rows(folder)
    known = {t: row for t in trials if (row := before.get(t) or comparison_folder.read_trial(folder, t))}
    comparison.failed = {}

    def tell(outcome: Outcome) -> None:
        trial, row, error = outcome
        if row is None:
            comparison.failed[trial] = error
            logger.info("failed: %s: %s", trial.name, error)
        else:
            known[trial] = row
            logger.info("trial %s: %s", trial.name, tables.in_words(row))
        if on_trial:
            on_trial(len(known) + len(comparison.failed), len(trials), row or error)

    def needs(trial: Trial) -> list[Path]:
        return found_files(base_of(trial), folder)

    def copy(trials: list[Trial]) -> None:
        for trial in trials:
            first = again[trial]
            if row := (before | known).get(first):
                tell(_outcome(trial, folder, partial(copied, trial, first, row, folder)))
            else:
                tell((trial, None, comparison.failed[first]))

    def do(trials: list[Trial]) -> None:
        copy(there := [trial for trial in trials if again.get(trial) in (before | known)])
        attempt = partial(_attempt, config=comparison.config)
        first = [trial for trial in trials if trial not in again]
        carried.mapped(engine, attempt, first, folder, needs, tell, _lost)
        copy([trial for trial in trials if trial in again and trial not in there])

    if known and on_trial:
        on_trial(len(known), len(trials), None)
    try:
        new = [trial for trial in trials if trial not in known]
        if new:
            run_folder.write_origin(folder, comparison.config.problem())
        again = _again(trials, before | known, folder, comparison.config)
        controls = [trial for trial in new if base_of(trial) != trial]
        do([trial for trial in new if trial not in controls])
        # Each control needs the ticket of its base method, which need not be a trial of its own.
        bases = {base_of(trial): None for trial in controls if trial not in again}
        missing = [base for base in bases if found_already(base, folder) is None]
        search = partial(_search, config=comparison.config)
        carried.mapped(engine, search, missing, folder, needs, None, lambda trial: None)
        do(controls)
    finally:
        comparison.rows = [known[trial] for trial in trials if trial in known]
        everything = before | known
        unfinished.sweep(folder, lambda: [trial.name for trial in everything])
        held = Comparison(whole, list(everything.values()))
        comparison_folder.write(folder, everything, [told.row() for told in held.summaries()], whole)
        paper_table.write(folder, held)


def _again(
    trials: list[Trial], known: dict[Trial, Row], folder: Path, config: CompareConfig
) -> dict[Trial, Trial]:
    """Missing trials whose result is that of another: of a known one, or else of the first of them.

    Such is the dense network's at each density, and those of its controls. With `track_test` a known one must
    have its curves here.
    """
    first: dict[tuple[MethodSpec, int], Trial] = {}
    for trial in [*known, *trials]:
        if method_of(trial.method).any_density and (
            not config.track_test or trial not in known or recorded(trial, folder)
        ):
            first.setdefault((trial.method, trial.seed), trial)
    return {
        trial: found
        for trial in trials
        if trial not in known and (found := first.get((trial.method, trial.seed), trial)) != trial
    }


def _search(trial: Trial, folder: Path, config: CompareConfig) -> None:
    """Find a ticket; if that fails, the trials that need it report the error."""
    with suppress(Exception):
        find(trial, config, folder)


def _attempt(trial: Trial, folder: Path, config: CompareConfig) -> Outcome:
    return _outcome(trial, folder, partial(run_trial, trial, config, folder))


def _outcome(trial: Trial, folder: Path, row: Callable[[], Row]) -> Outcome:
    """The trial's row, or why there is none."""
    try:
        with memory.told():
            return trial, row(), ""
    except NetsError as error:
        return trial, None, str(error)
    except Exception as error:  # the other trials continue
        with suppress(NetsError):
            files.write_text(folder / "trials" / f"{trial.name}.error", traceback.format_exc())
        return trial, None, shortened(f"{type(error).__name__}: {' '.join(str(error).split())}", 200)


def _lost(trial: Trial) -> Outcome:
    return trial, None, f"the trial {ENDED_ITS_WORKER}"


def _narrow(comparison: Comparison, half_width: float) -> bool:
    """Are all differences of the given methods that narrow? Random tickets added beside NeTS do not count."""
    asked = set(comparison.config.methods)
    differences = [told.difference() for told in comparison.summaries() if told.method in asked]
    return all(paired.half_width <= half_width for paired in differences if paired)
