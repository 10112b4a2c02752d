"""Comparisons of search methods on paired seeds: trials in parallel, resumable at each of them."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from nets_deap import checkpoint, files
from nets_deap.config import CompareConfig
from nets_deap.errors import NetsError
from nets_deap.experiment import Paired, mean_interval, paired_difference
from nets_deap.parallel import MultiprocessMap, SerialMap
from nets_deap.search import parse, parse_all
from nets_deap.search.nets import Nets
from nets_deap.trials import Row, Trial, base_of, check, find, found_already, run_trial

STEPS = (5, 10, 20)  # seeds with --until-half-width, fixed beforehand
EXTENSIBLE = {"methods", "densities", "seeds", "until_half_width", "reference"}
TRIALS, SECONDS, DATA = "trials.csv", "seconds.csv", "data.crc32"
CURVES = {"training.csv": "training", "logbooks.csv": "logbook"}  # file -> what a trial's own file calls it
KEY = ("method", "asked", "seed")
TIMES = ("search_seconds", "train_seconds")  # kept apart: they differ from run to run


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
        """One for each method and density, in the order given."""
        reference = _reference(self.config)
        told = []
        for density in self.config.densities:
            paired_with = self._of(reference, density)
            for method in methods_of(self.config):
                rows = self._of(method, density)
                if rows:
                    told.append(Summary(method, density, rows, paired_with if method != reference else {}))
        return told

    def _of(self, method: str, density: float) -> dict[int, Row]:
        """seed -> row"""
        return {row["seed"]: row for row in self.rows if row["method"] == method and row["asked"] == density}


@dataclass(frozen=True)
class Summary:
    """A method at a density, over seeds.

    rows, reference: seed -> row; for the reference itself there is no reference
    """

    method: str
    density: float
    rows: dict[int, Row]
    reference: dict[int, Row]

    def values(self, column: str) -> list[float]:
        return [row[column] for row in self.rows.values()]

    def difference(self) -> Paired | None:
        """Test accuracy against the reference's on the same seeds, in points; None without two of them."""
        seeds = sorted(self.rows.keys() & self.reference.keys())
        if len(seeds) < 2:
            return None
        ours, theirs = ([100 * rows[s]["test_acc"] for s in seeds] for rows in (self.rows, self.reference))
        return paired_difference(ours, theirs)

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
                "difference": difference.mean,
                "difference_half_width": difference.half_width,
                "p_value": difference.p_value,
            }
        for column in ("test_loss", "early_stop_iteration", *costs("search"), *costs("train")):
            told[column] = float(np.mean(self.values(column)))
        return told


def costs(of: str) -> list[str]:
    return [f"{of}_{key}" for key in ("gradient_steps", "samples", "forward_passes")]


def methods_of(config: CompareConfig) -> list[str]:
    """The methods' names, each NeTS with a random ticket of the density it reached beside it."""
    names: dict[str, None] = {}
    for choice in parse_all(config.methods):
        names[choice.text] = None
        if isinstance(choice.method, Nets) and not choice.control:
            names[f"{choice.text}+random"] = None
    return list(names)


def _reference(config: CompareConfig) -> str:
    names = methods_of(config)
    if config.reference is None:
        return names[0]
    reference = parse(config.reference).text
    if reference not in names:
        raise NetsError(f"--reference {reference} is none of the methods: {', '.join(names)}")
    return reference


def trials_of(config: CompareConfig, seeds: int) -> list[Trial]:
    """All trials in the order they are run: seed by seed, so that what is there early is paired."""
    return [
        Trial(name, density, seed)
        for seed in range(config.seed, config.seed + seeds)
        for density in config.densities
        for name in methods_of(config)
    ]


def default_folder(config: CompareConfig) -> Path:
    """The same whatever can be added to a comparison: seeds, methods, densities."""
    bare = config.model_copy(update=dict.fromkeys(EXTENSIBLE))
    name = "".join(c if c.isalnum() or c in "-_" else "-" for c in Path(config.dataset).name)
    return Path("runs") / f"compare-{name}-{bare.fingerprint()}"


def claim(folder: Path, config: CompareConfig) -> None:
    """Make the folder this comparison's. Raises NetsError where it holds another one's trials."""
    checksum = config.problem().data.checksum
    if (folder / DATA).exists() and (folder / DATA).read_text().strip() != checksum:
        raise NetsError(f"{folder} holds trials on other data than what --dataset {config.dataset} holds now")
    path = folder / checkpoint.CONFIG
    if path.exists():
        stored = checkpoint.read_config(folder, "methods", "a comparison")
        theirs, ours = _what_decides(stored), _what_decides(config.model_dump())
        for key in ours:
            if theirs.get(key) != ours[key]:
                raise NetsError(
                    f"{folder} holds trials with {key.replace('_', '-')} {theirs.get(key)}, not {ours[key]}: "
                    "choose another --out"
                )
    elif files.strangers(folder):
        raise NetsError(f"{folder} is not empty and holds no comparison: choose another --out")
    checkpoint.write_config(folder, config)
    files.write_text(folder / DATA, checksum + "\n")


def _what_decides(values: dict[str, Any]) -> dict[str, Any]:
    from nets_deap.config import PLACE_FIELDS

    return {key: value for key, value in values.items() if key not in EXTENSIBLE | PLACE_FIELDS}


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
    problem = config.problem()
    reference = _reference(config)
    if config.until_half_width is not None and methods_of(config) == [reference]:
        raise NetsError("--until-half-width is for differences: it needs two methods or more")
    for name in methods_of(config):
        for density in config.densities:
            check(Trial(name, density, config.seed), problem)
    comparison = Comparison(config)
    with files.claimed_folder(folder):
        claim(folder, config)
        for seeds in [config.seeds] if config.until_half_width is None else STEPS:
            _run(comparison, trials_of(config, seeds), folder, engine, on_trial)
            if config.until_half_width is not None and _narrow(comparison, config.until_half_width):
                break
    return comparison


def _run(
    comparison: Comparison, trials: list[Trial], folder: Path, engine: Engine, on_trial: OnTrial | None
) -> None:
    stored = read_rows(folder)
    known = {t: row for t in trials if (row := stored.get(t) or read_trial(folder, t))}
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
        controls = [trial for trial in new if base_of(trial) != trial]
        engine(attempt, [trial for trial in new if trial not in controls], tell)
        # Each control needs the ticket of what it controls, which need not be a trial of its own.
        bases = {base_of(trial): None for trial in controls}
        missing = [base for base in bases if found_already(base, folder) is None]
        engine(partial(_search, config=comparison.config, folder=folder), missing)
        engine(attempt, controls, tell)
    finally:
        comparison.rows = [known[trial] for trial in trials if trial in known]
        _write(comparison, stored | known, folder)


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


def read_trial(folder: Path, trial: Trial) -> Row | None:
    """The row of a finished trial; None if there is none that can be read."""
    try:
        row: Row = json.loads((folder / "trials" / f"{trial.name}.json").read_text())["trial"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return row if trial == _trial_of(row) else None


def _trial_of(row: Row) -> Trial:
    return Trial(row["method"], row["asked"], row["seed"])


def read_rows(folder: Path) -> dict[Trial, Row]:
    """The rows that trials.csv has: all that is committed of a comparison."""
    if not (folder / TRIALS).exists():
        return {}
    try:
        rows = {_trial_of(row): row for row in checkpoint.read_csv(folder / TRIALS)}
        needed = ("density", "test_acc", "test_loss", *costs("search"), *costs("train"))
        if any(column not in row for row in rows.values() for column in needed):
            raise KeyError(needed)
        times = {_trial_of(row): row for row in checkpoint.read_csv(folder / SECONDS)}
        return {trial: row | {key: times[trial][key] for key in TIMES} for trial, row in rows.items()}
    except (TypeError, KeyError) as error:
        raise NetsError(f"{folder / TRIALS} or {SECONDS} is damaged: delete both") from error


def _narrow(comparison: Comparison, half_width: float) -> bool:
    differences = [summary.difference() for summary in comparison.summaries()]
    return all(paired.half_width <= half_width for paired in differences if paired)


def _write(comparison: Comparison, known: dict[Trial, Row], folder: Path) -> None:
    """All trials that the folder has, in an order of their own, and a summary of those asked for."""
    rows = [row for _, row in sorted(known.items(), key=lambda item: _place(item[0]))]
    if not rows:
        return
    apart = [{k: v for k, v in row.items() if k not in TIMES} for row in rows]
    checkpoint.write_csv(folder / TRIALS, apart)
    checkpoint.write_csv(folder / SECONDS, [{k: row[k] for k in (*KEY, *TIMES)} for row in rows])
    if summaries := comparison.summaries():
        checkpoint.write_csv(folder / "summary.csv", [summary.row() for summary in summaries])
    if comparison.config.track_test:
        for name, key in CURVES.items():
            _write_curves(folder, name, key, list(known))


def _write_curves(folder: Path, name: str, key: str, trials: list[Trial]) -> None:
    """What every trial recorded on its way, for figures; of trials without a file, what is there."""
    before: dict[Trial, list[Row]] = {}
    if (folder / name).exists():
        for row in checkpoint.read_csv(folder / name):
            before.setdefault(_trial_of(row), []).append(row)
    rows: list[Row] = []
    for trial in sorted(trials, key=_place):
        if read_trial(folder, trial) is None:
            rows += before.get(trial, [])
            continue
        recorded = json.loads((folder / "trials" / f"{trial.name}.json").read_text())[key]
        ours = dict(zip(KEY, (trial.method, trial.density, trial.seed), strict=True))
        rows += [ours | row for row in recorded]
    checkpoint.write_csv(folder / name, rows)


def _place(trial: Trial) -> tuple[float, str, int]:
    return -trial.density, trial.method, trial.seed


def trained_only(method: str) -> bool:
    """Whether a method gives a trained network and no ticket."""
    return not parse(method).gives_ticket
