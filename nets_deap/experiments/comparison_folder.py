"""A comparison's folder: its config, its trials, and the tables made from them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nets_deap.config import run_folder
from nets_deap.config.layers import validate
from nets_deap.experiments.config import CompareConfig
from nets_deap.experiments.trial import Row, Trial, recorded
from nets_deap.util import digests, tables
from nets_deap.util.errors import DamagedError, NetsError

# Fields that may be extended: it is still the same comparison
EXTENSIBLE = {"methods", "densities", "seeds", "until_half_width", "reference"}
TRIALS, SECONDS, SUMMARY = "trials.csv", "seconds.csv", "summary.csv"
CURVES = {"training.csv": "training", "logbooks.csv": "logbook"}  # file -> its key in a trial's own file
KEY = ("method", "asked", "seed")
TIMES = ("search_seconds", "train_seconds")  # in a file of their own, as they differ from run to run


def costs(of: str) -> list[str]:
    return [f"{of}_{key}" for key in ("gradient_steps", "samples", "forward_passes")]


def default_folder(config: CompareConfig) -> Path:
    """The folder of a comparison or a shard; adding seeds, methods or densities does not change it."""
    bare = config.model_copy(update=dict.fromkeys(EXTENSIBLE | {"shard"}))
    name = "".join(c if c.isalnum() or c in "-_" else "-" for c in Path(config.dataset).name)
    part = f"-shard-{config.shard.replace('/', '-of-')}" if config.shard else ""
    return Path("runs") / f"compare-{name}-{bare.fingerprint()}{part}"


def read_config(folder: Path) -> CompareConfig:
    """The config of a stored comparison. Raises NetsError if the folder holds none."""
    return validate(CompareConfig, run_folder.read_config(folder, "methods", "a comparison"))


def claim(folder: Path, config: CompareConfig) -> CompareConfig:
    """Claim the folder for this comparison. Returns its new config, which also has what the old one had.

    A shard is not extended: which trials are its own would change.
    Raises NetsError if the folder holds trials of another comparison.
    """
    whole = config
    if config.shard is None and not run_folder.is_free(folder) and (folder / run_folder.CONFIG).exists():
        before = read_config(folder)
        whole = config.model_copy(
            update={
                "methods": tuple(dict.fromkeys([*before.methods, *config.methods])),
                "densities": list(dict.fromkeys([*before.densities, *config.densities])),
                "seeds": max(before.seeds, config.seeds),
                "reference": config.reference or before.reference,
            }
        )
    run_folder.claim(folder, whole, "methods", "a comparison", () if config.shard else EXTENSIBLE, note=False)
    return whole


def read_trial(folder: Path, trial: Trial) -> Row | None:
    """The row of a finished trial; None if there is none, or none that is whole."""
    kept = recorded(trial, folder)
    return None if kept is None or not _is_row(kept.trial) else dict(kept.trial)


def _is_row(row: Mapping[str, Any]) -> bool:
    """Has a row the figures of a trial?"""
    needed = ("density", "test_acc", "test_loss", *costs("search"), *costs("train"))
    return all(type(row.get(column)) in (int, float) for column in needed)


def read_rows(folder: Path) -> dict[Trial, Row]:
    """The rows in trials.csv, which with seconds.csv may be all that is left of a comparison."""
    path = folder / TRIALS
    if not path.exists():
        return {}
    rows = {_of(row, path): row for row in tables.parse(digests.read_text(path), path)}
    if not all(map(_is_row, rows.values())):
        raise DamagedError(f"{path} lacks columns of a comparison")
    times = _read_times(folder)
    none = dict.fromkeys(TIMES, math.nan)
    return {
        trial: row | (times.get(trial) or _times_of(folder, trial) or none) for trial, row in rows.items()
    }


def _of(row: Row, path: Path) -> Trial:
    try:
        return Trial.of(row)
    except NetsError as error:
        raise DamagedError(f"{path} holds a row that is none of a trial: {error}") from error


def _read_times(folder: Path) -> dict[Trial, Row]:
    """The rows in seconds.csv; none if it is damaged, since it follows from the trials."""
    path = folder / SECONDS
    if not path.exists():
        return {}
    try:
        rows = {_of(row, path): row for row in tables.parse(digests.read_text(path), path)}
    except DamagedError:
        return {}
    return {trial: {key: row[key] for key in TIMES} for trial, row in rows.items() if _has_times(row)}


def _times_of(folder: Path, trial: Trial) -> Row | None:
    row = read_trial(folder, trial)
    return {key: row[key] for key in TIMES} if row and _has_times(row) else None


def _has_times(row: Mapping[str, Any]) -> bool:
    return all(type(row.get(key)) in (int, float) for key in TIMES)


def write(folder: Path, known: dict[Trial, Row], summary: list[Row], with_curves: bool) -> None:
    """Write all trials of the folder, in a fixed order, and their summary."""
    rows = [row for _, row in sorted(known.items(), key=lambda item: _place(item[0]))]
    if not rows:
        return
    apart = [{k: v for k, v in row.items() if k not in TIMES} for row in rows]
    times = [{k: row[k] for k in (*KEY, *TIMES)} for row in rows]
    digests.write_text(folder / SECONDS, tables.as_csv(times))
    digests.write_text(folder / TRIALS, tables.as_csv(apart))
    if summary:
        tables.write_csv(folder / SUMMARY, summary)
    if with_curves:
        for name, key in CURVES.items():
            _write_curves(folder, name, key, list(known))


def _write_curves(folder: Path, name: str, key: str, trials: list[Trial]) -> None:
    """Write the curves of all trials, for figures; trials without a file keep the rows written before."""
    path, kept = folder / name, {trial: recorded(trial, folder) for trial in trials}
    before: dict[Trial, list[Row]] = {}
    try:
        for row in tables.read_csv(path) if path.exists() else []:
            before.setdefault(_of(row, path), []).append(row)
    except DamagedError:
        if not all(kept.values()):  # some rows are nowhere else
            path.replace(path.with_name(f"{name}.damaged"))
    rows: list[Row] = []
    for trial in sorted(trials, key=_place):
        own = kept[trial]
        if own is None:
            rows += before.get(trial, [])
            continue
        ours = dict(zip(KEY, (str(trial.method), trial.density, trial.seed), strict=True))
        rows += [ours | row for row in getattr(own, key)]
    tables.write_csv(path, rows)


def _place(trial: Trial) -> tuple[float, str, int]:
    return -trial.density, str(trial.method), trial.seed
