"""The folder of a run: which run it belongs to, and the names of its files."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from nets_deap.config.base import ProblemConfig, without_retired
from nets_deap.util import files
from nets_deap.util.errors import NetsError
from nets_deap.util.tables import Row

CONFIG, CHECKPOINT, LOGBOOK, TICKET, COST = (
    "config.json",
    "checkpoint.safetensors",
    "logbook.csv",
    "ticket.safetensors",
    "cost.json",
)


def default_folder(config: ProblemConfig) -> Path:
    """runs/<dataset>-<arch>-<seed>-<fingerprint>."""
    dataset = "".join(c if c.isalnum() or c in "-_" else "-" for c in Path(config.dataset).name)
    return Path("runs") / f"{dataset}-{config.arch}-{config.seed}-{config.fingerprint()}"


def write_config(folder: Path, config: ProblemConfig) -> None:
    """Write the config without `out` and limits of time, which belong to a single call."""
    text = config.model_dump_json(indent=2, exclude={"out", "time_limit", "eval_timeout"})
    files.write_text(folder / CONFIG, text + "\n")


def read_config(folder: Path, mark: str = "pop", of: str = "an evolution") -> Row:
    """The stored config `of` a kind of run. Raises NetsError if it is damaged or lacks the field `mark`."""
    path = folder / CONFIG
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise NetsError(f"{path} is damaged: delete the run folder to start afresh") from error
    if not isinstance(values, dict) or mark not in values:
        raise NetsError(f"{path} is not the config of {of}: choose another folder")
    return without_retired(values)


def claim(folder: Path, config: ProblemConfig, mark: str, of: str, added: Collection[str] = ()) -> None:
    """Claim a folder for a config by writing the config there. Raises NetsError if another run has it.

    mark, of: a field that only this kind of config has, and the kind in words, as for `read_config`
    added: fields that may differ, besides PLACE_FIELDS
    """
    if (folder / CONFIG).exists():
        stored = read_config(folder, mark, of)
        for key, value in config.identity().items():
            # A field that was added after the folder was written had its default there.
            before = stored.get(key, type(config).model_fields[key].default)
            if key not in added and before != value:
                raise NetsError(
                    f"{folder} holds {of} with {key.replace('_', ' ')} {before}, not {value}: "
                    "choose another `out`"
                )
    elif files.strangers(folder):
        raise NetsError(f"{folder} is not empty and holds no {of.partition(' ')[2]}: choose another `out`")
    write_config(folder, config)


@contextmanager
def claimed(
    folder: Path, config: ProblemConfig, mark: str, of: str, added: Collection[str] = ()
) -> Iterator[None]:
    """`claim` for the length of a run; a run that fails without any results leaves no config."""
    new = not (folder / CONFIG).exists()
    claim(folder, config, mark, of, added)
    try:
        yield
    except BaseException:
        if new and not files.strangers(folder, {CONFIG}):
            (folder / CONFIG).unlink()
        raise
