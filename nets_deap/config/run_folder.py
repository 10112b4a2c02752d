"""The folder of a run: whose it is, and what its files are called."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from nets_deap.config.base import RETIRED_FIELDS, ProblemConfig
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
    """The config without what belongs to one call: a folder can be moved, a time limit is not inherited."""
    text = config.model_dump_json(indent=2, exclude={"out", "time_limit"})
    files.write_text(folder / CONFIG, text + "\n")


def read_config(folder: Path, mark: str = "pop", of: str = "an evolution") -> Row:
    """The stored config of a run. Raises NetsError if it is damaged, or has no field `mark`."""
    path = folder / CONFIG
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise NetsError(f"{path} is damaged: delete the run folder to start afresh") from error
    if not isinstance(values, dict) or mark not in values:
        raise NetsError(f"{path} is not the config of {of}: choose another folder")
    return {key: value for key, value in values.items() if key not in RETIRED_FIELDS}


def claim(folder: Path, config: ProblemConfig, mark: str, of: str, added: Collection[str] = ()) -> None:
    """Make a folder this config's, by writing it there. Raises NetsError where it is another one's.

    mark, of: the field and the kind that tell these configs, as for `read_config`
    added: fields that may differ, beside those that say where a run happens
    """
    if (folder / CONFIG).exists():
        stored = read_config(folder, mark, of)
        for key, value in config.identity().items():
            # A field that is newer than the folder had its default there.
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
    """`claim` for as long as a run lasts; one that ends without any results leaves no config."""
    new = not (folder / CONFIG).exists()
    claim(folder, config, mark, of, added)
    try:
        yield
    except BaseException:
        if new and not files.strangers(folder, {CONFIG}):
            (folder / CONFIG).unlink()
        raise
