"""A comparison's folder: its config, its trials, and the tables made from them."""

from __future__ import annotations

import math
from pathlib import Path

from nets_deap.config import run_folder
from nets_deap.config.layers import validate
from nets_deap.experiments.config import CompareConfig
from nets_deap.experiments.trial import Row, Trial
from nets_deap.util import files, json_text, tables
from nets_deap.util.errors import NetsError

# Fields that may be extended: it is still the same comparison
EXTENSIBLE = {"methods", "densities", "seeds", "until_half_width", "reference"}
TRIALS, SECONDS, SUMMARY, DATA = "trials.csv", "seconds.csv", "summary.csv", "data.crc32"
CURVES = {"training.csv": "training", "logbooks.csv": "logbook"}  # file -> its key in a trial's own file
KEY = ("method", "asked", "seed")
TIMES = ("search_seconds", "train_seconds")  # in a file of their own, as they differ from run to run


def costs(of: str) -> list[str]:
    return [f"{of}_{key}" for key in ("gradient_steps", "samples", "forward_passes")]


def default_folder(config: CompareConfig) -> Path:
    """The folder of a comparison; adding seeds, methods or densities does not change it."""
    bare = config.model_copy(update=dict.fromkeys(EXTENSIBLE))
    name = "".join(c if c.isalnum() or c in "-_" else "-" for c in Path(config.dataset).name)
    return Path("runs") / f"compare-{name}-{bare.fingerprint()}"


def read_config(folder: Path) -> CompareConfig:
    """The config of a stored comparison. Raises NetsError if the folder holds none."""
    return validate(CompareConfig, run_folder.read_config(folder, "methods", "a comparison"))


def claim(folder: Path, config: CompareConfig) -> CompareConfig:
    """Claim the folder for this comparison. Returns its new config, which also has what the old one had.

    Raises NetsError if the folder holds trials of another comparison.
    """
    whole = config
    if (folder / run_folder.CONFIG).exists():
        before = read_config(folder)
        whole = config.model_copy(
            update={
                "methods": tuple(dict.fromkeys([*before.methods, *config.methods])),
                "densities": list(dict.fromkeys([*before.densities, *config.densities])),
                "seeds": max(before.seeds, config.seeds),
                "reference": config.reference or before.reference,
            }
        )
    run_folder.claim(folder, whole, "methods", "a comparison", EXTENSIBLE)
    return whole


def claim_data(folder: Path, config: CompareConfig) -> None:
    """Write the checksum of the data into the folder. Raises NetsError if it has that of other data."""
    checksum = f"{config.problem().data.checksum}\n"
    if (folder / DATA).exists() and (folder / DATA).read_text() != checksum:
        raise NetsError(f"{folder} holds trials on other data than `dataset` {config.dataset} now has")
    files.write_text(folder / DATA, checksum)


def read_trial(folder: Path, trial: Trial) -> Row | None:
    """The row of a finished trial; None if there is no readable one."""
    try:
        row: Row = json_text.loads((folder / "trials" / f"{trial.name}.json").read_text())["trial"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return row if trial == Trial.of(row) else None


def read_rows(folder: Path) -> dict[Trial, Row]:
    """The rows in trials.csv, which with seconds.csv may be all that is left of a comparison."""
    if not (folder / TRIALS).exists():
        return {}
    try:
        rows = {Trial.of(row): row for row in tables.read_csv(folder / TRIALS)}
        needed = ("density", "test_acc", "test_loss", *costs("search"), *costs("train"))
        if any(column not in row for row in rows.values() for column in needed):
            raise KeyError(needed)
        known = tables.read_csv(folder / SECONDS) if (folder / SECONDS).exists() else []
        times = {Trial.of(row): row for row in known}
        none = dict.fromkeys(TIMES, math.nan)
        return {t: row | {key: times.get(t, none)[key] for key in TIMES} for t, row in rows.items()}
    except (TypeError, KeyError) as error:
        raise NetsError(f"{folder / TRIALS} or {SECONDS} lacks columns of a comparison") from error


def write(folder: Path, known: dict[Trial, Row], summary: list[Row], with_curves: bool) -> None:
    """Write all trials of the folder, in a fixed order, and their summary."""
    rows = [row for _, row in sorted(known.items(), key=lambda item: _place(item[0]))]
    if not rows:
        return
    apart = [{k: v for k, v in row.items() if k not in TIMES} for row in rows]
    tables.write_csv(folder / SECONDS, [{k: row[k] for k in (*KEY, *TIMES)} for row in rows])
    tables.write_csv(folder / TRIALS, apart)
    if summary:
        tables.write_csv(folder / SUMMARY, summary)
    if with_curves:
        for name, key in CURVES.items():
            _write_curves(folder, name, key, list(known))


def _write_curves(folder: Path, name: str, key: str, trials: list[Trial]) -> None:
    """Write the curves of all trials, for figures; trials without a file keep the rows written before."""
    before: dict[Trial, list[Row]] = {}
    if (folder / name).exists():
        for row in tables.read_csv(folder / name):
            before.setdefault(Trial.of(row), []).append(row)
    rows: list[Row] = []
    for trial in sorted(trials, key=_place):
        if read_trial(folder, trial) is None:
            rows += before.get(trial, [])
            continue
        recorded = json_text.loads((folder / "trials" / f"{trial.name}.json").read_text())[key]
        ours = dict(zip(KEY, (str(trial.method), trial.density, trial.seed), strict=True))
        rows += [ours | row for row in recorded]
    tables.write_csv(folder / name, rows)


def _place(trial: Trial) -> tuple[float, str, int]:
    return -trial.density, str(trial.method), trial.seed
