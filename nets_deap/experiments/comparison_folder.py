"""A comparison's folder: its config, its trials, and the tables made from them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nets_deap.config import run_folder
from nets_deap.config.layers import validate
from nets_deap.experiments import arms
from nets_deap.experiments.config import CompareConfig, counted
from nets_deap.experiments.trial import Row, Trial, recorded
from nets_deap.search.spec import MethodSpec
from nets_deap.util import digests, tables
from nets_deap.util.errors import DamagedError, NetsError

# Fields that may be extended: it is still the same comparison
EXTENSIBLE = {"methods", "arms", "densities", "seeds", "until_half_width", "reference"}
TRIALS, SECONDS, SUMMARY = "trials.csv", "seconds.csv", "summary.csv"
CURVES = {"training.csv": "training", "logbooks.csv": "logbook"}  # file -> its key in a trial's own file
ARM = "arm"  # a column in the tables of a comparison that has arms; it follows from the method
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
                "arms": _arms_of_both(before, config),
                "seeds": _seeds_of_both(before, config),
                "reference": config.reference or before.reference,
            }
        )
    run_folder.claim(folder, whole, "methods", "a comparison", () if config.shard else EXTENSIBLE, note=False)
    return whole


def _arms_of_both(before: CompareConfig, now: CompareConfig) -> dict[str, MethodSpec] | None:
    """Raises NetsError for an arm whose name is that of another one there, or another name of one."""
    both = {**(before.arms or {}), **(now.arms or {})}
    for name, spec in (before.arms or {}).items():
        if both[name] != spec:
            raise NetsError(
                f"in the folder the arm {name} is {spec}, not {both[name]}: give it another name, or choose "
                "another `out`"
            )
    return arms.parsed(both) if both else None


def _seeds_of_both(before: CompareConfig, now: CompareConfig) -> int | list[int]:
    if isinstance(before.seeds, int) and isinstance(now.seeds, int):
        return max(before.seeds, now.seeds)
    return counted(list(dict.fromkeys([*before.all_seeds(), *now.all_seeds()])), now.seed)


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
    told = tables.parse(digests.read_text(path), path)
    rows = {_of(row, path): {k: v for k, v in row.items() if k != ARM} for row in told}
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


def write(folder: Path, known: dict[Trial, Row], summary: list[Row], config: CompareConfig) -> None:
    """Write all trials of the folder, in a fixed order, and their summary."""
    ordered = sorted(known, key=_place)
    rows = [known[trial] for trial in ordered]
    if not rows:
        return
    apart = [
        _key(trial, config) | {k: v for k, v in known[trial].items() if k not in TIMES} for trial in ordered
    ]
    times = [{k: row[k] for k in (*KEY, *TIMES)} for row in rows]
    digests.write_text(folder / SECONDS, tables.as_csv(times))
    digests.write_text(folder / TRIALS, tables.as_csv(apart))
    if summary:
        tables.write_csv(folder / SUMMARY, summary)
    if config.track_test:
        for name, key in CURVES.items():
            _write_curves(folder, name, key, ordered, config)


def _key(trial: Trial, config: CompareConfig) -> Row:
    """The columns that a trial's rows begin with."""
    method, *place = zip(KEY, (str(trial.method), trial.density, trial.seed), strict=True)
    arm = [(ARM, arms.label(trial.method, config.arms))] if config.arms else []
    return dict([method, *arm, *place])


def _write_curves(folder: Path, name: str, key: str, trials: list[Trial], config: CompareConfig) -> None:
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
    for trial in trials:
        own = kept[trial]
        ours = before.get(trial, []) if own is None else getattr(own, key)
        rows += [_key(trial, config) | row for row in ours]
    tables.write_csv(path, rows)


def _place(trial: Trial) -> tuple[float, str, int]:
    return -trial.density, str(trial.method), trial.seed
