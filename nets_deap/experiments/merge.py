"""Joining the shards of a comparison to the folder that one run in one piece would have written."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from nets_deap import __version__
from nets_deap.config import run_folder
from nets_deap.config.measured import METRIC
from nets_deap.config.run_folder import DATA, VERSION
from nets_deap.experiments import comparison_folder, paper_table
from nets_deap.experiments.comparison import trials_of
from nets_deap.experiments.config import CompareConfig
from nets_deap.experiments.shard import Shard
from nets_deap.experiments.summary import Comparison
from nets_deap.experiments.trial import Row, Trial
from nets_deap.util import files, tables
from nets_deap.util.errors import DamagedError, NetsError, shortened

FOLDERS = ("tickets", "trials")


class MissingError(NetsError):
    """Trials are missing.

    folder: the folder of a shard; shard: what has to be run with its config, in a folder of its own; None:
        the shard in this folder has to go on
    """

    def __init__(self, message: str, folder: Path, shard: Shard | None) -> None:
        super().__init__(message)
        self.folder, self.shard = folder, shard


def merge(folders: Sequence[Path], out: Path) -> Comparison:
    """Join all shards of a comparison, and write what the run in one piece would have written.

    out: a folder that is not there yet, or empty; it is written whole or not at all

    The tables have the same bytes, times apart: those of a trial are the times that it took in its shard.
    Raises NetsError for folders that do not belong together, MissingError for shards or trials that lack.
    """
    shards = {folder: comparison_folder.read_config(folder) for folder in folders}
    if len(shards) < len(folders):
        raise NetsError("one folder is given twice")
    _check_together(shards)
    if files.strangers(out):
        raise NetsError(f"{out} exists and is not empty: choose another `out`")
    rows = {trial: row for folder, config in shards.items() for trial, row in _rows(folder, config).items()}
    whole = next(iter(shards.values())).model_copy(update={"shard": None})
    merged = Comparison(whole, [rows[trial] for trial in trials_of(whole)])
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, ignore_cleanup_errors=True) as place:
            made = Path(place) / "merged"
            _write(made, list(shards), merged, rows)
            if out.exists():
                out.rmdir()
            made.rename(out)
    except OSError as error:
        raise NetsError(f"cannot write {out}: {error.strerror or error}") from error
    return merged


def _check_together(shards: dict[Path, CompareConfig]) -> None:
    """Raise NetsError unless these are all shards of one comparison, on the same data and by this version."""
    first, config = next(iter(shards.items()))
    for folder, other in shards.items():
        if other.shard is None:
            raise NetsError(f"{folder} holds a whole comparison, not a shard of one: leave it out")
        if Shard.parse(other.shard).of != Shard.parse(config.shard).of:
            raise NetsError(
                f"{first} is shard {config.shard} and {folder} shard {other.shard}: they do not add up"
            )
        ours, theirs = config.identity(), other.identity()
        for key in ours.keys() - {"shard"}:
            if ours[key] != theirs[key]:
                was, is_ = (shortened(str(each[key]), 60) for each in (ours, theirs))
                raise NetsError(
                    f"{first} and {folder} are of other comparisons: {key.replace('_', ' ')} {was} and {is_}"
                )
        if _origin(folder, VERSION) != __version__:
            raise NetsError(f"{folder} holds results from another version of nets-deap than {__version__}")
        if _origin(folder, DATA) != _origin(first, DATA):
            raise NetsError(f"{first} and {folder} hold results from other data")
    known: dict[Shard, Path] = {}
    for folder, other in shards.items():
        shard = Shard.parse(other.shard)
        if shard in known:
            raise NetsError(f"{known[shard]} and {folder} are both shard {shard}: leave one out")
        known[shard] = folder
    if missing := [shard for shard in Shard.parse(config.shard).others() if shard not in known]:
        texts = ", ".join(map(str, missing))
        raise MissingError(f"without shard {texts} the comparison is not whole", first, missing[0])


def _origin(folder: Path, name: str) -> str:
    path = folder / name
    return files.read_text(path).strip() if path.exists() else ""


def _rows(folder: Path, config: CompareConfig) -> dict[Trial, Row]:
    """All rows of a shard. Raises MissingError if trials lack, DamagedError for trials of another shard."""
    rows, wanted = comparison_folder.read_rows(folder), trials_of(config)
    if rows.keys() - set(wanted):
        raise DamagedError(f"{folder} holds trials that are not of shard {config.shard}: restore it")
    if lacking := len(wanted) - len(rows):
        raise MissingError(f"{folder} lacks {lacking} of its {len(wanted)} trials", folder, None)
    return rows


def _write(made: Path, folders: list[Path], merged: Comparison, rows: dict[Trial, Row]) -> None:
    run_folder.write_config(made, merged.config)
    for name in (DATA, VERSION, METRIC):
        if (told := _origin(folders[0], name)) or name != METRIC:
            files.write_text(made / name, f"{told}\n")
    for part in (folder / name for folder in folders for name in FOLDERS):
        files.refuse_link(part)
        for path in sorted(part.glob("*")) if part.is_dir() else []:
            if path.suffix in (".json", ".safetensors") and path.is_file() and not path.is_symlink():
                (made / part.name).mkdir(exist_ok=True)
                shutil.copyfile(path, made / part.name / path.name)
    for name in comparison_folder.CURVES:  # of trials whose own files are gone, these rows are all there is
        if curves := [folder / name for folder in folders if (folder / name).exists()]:
            tables.write_csv(made / name, [row for path in curves for row in tables.read_csv(path)])
    summary = [told.row() for told in merged.summaries()]
    comparison_folder.write(made, rows, summary, merged.config)
    paper_table.write(made, merged, build=False)
