"""Tickets on the command line: found by path, with the settings of the run that found them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import again
from .options import quoted

if TYPE_CHECKING:
    from nets_deap.config.base import Config
    from nets_deap.data.dataset import Data
    from nets_deap.problem.ticket import Ticket

OF_THE_DATA = ("dataset", "data_dir", "data_limit", "validation", "split_seed")  # settings


def file_of(place: str) -> Path:
    """The file of a ticket, which is given as a file or as a run folder.

    Raises NetsError for a folder without a ticket: says what it holds instead, and how to get a ticket.
    """
    from nets_deap.config.run_folder import CONFIG, TICKET
    from nets_deap.runs import held
    from nets_deap.util.errors import NetsError

    folder = Path(place)
    path = folder / TICKET
    if not folder.is_dir():
        return folder
    if path.exists() or path.is_symlink():
        return path
    if not (folder / CONFIG).is_file():
        raise NetsError(f"{folder} has no {TICKET}: expected a ticket's file, or the folder of a search")
    run = held(folder)
    run.check()
    if run.command in again.SEARCHES:
        if run.state == "running":
            raise NetsError(f"{folder} holds no ticket yet: its search is running")
        lost = "its search is finished, and the ticket is missing; to write it again"
        state = lost if run.state == "finished" else "its search is not finished; to go on"
        raise NetsError(f"{folder} holds no ticket: {state}: {again.of(run)}")
    beside = (folder if folder.name else folder.absolute()).parent / TICKET
    others = [path for path in sorted(folder.glob("tickets/*.safetensors")) if "dense" not in path.name]
    found = [beside] if beside.exists() else others[:1]
    where = "".join(f"; name a ticket, such as {quoted(each)}" for each in found)
    raise NetsError(f"{folder} is the folder of nets-deap {run.command} and holds no {TICKET}{where}")


def folder_of(path: Path, name: str, out: str | None) -> Path:
    """`out`, or the folder of this name beside a file. Raises NetsError if that is a link to elsewhere."""
    from nets_deap.util import files

    if out:
        return Path(out)
    files.refuse_link(path.parent / name)
    return path.parent / name


def load(
    place: str, kind: type[Config], preset: str | None, config: str | None, options: dict[str, Any]
) -> tuple[Path, Ticket, Config]:
    """The file of a ticket, given as a file or a run folder; the ticket; and the settings to train it with.

    Settings not given come from the ticket's own run, except the length of training: its default is that of
    the data set.
    """
    from nets_deap.config import named
    from nets_deap.config.layers import defaults, explicit, layered, validate
    from nets_deap.problem.ticket import load_ticket

    path = file_of(place)
    loaded = load_ticket(path)
    given = explicit(kind, preset, config, **options)
    own = _own_settings(path, loaded.config, kind)
    if not options.get("trust"):
        named.refuse_code(own, given, path)
    return path, loaded, validate(kind, layered(defaults(kind, own | given), own, given))


def data_of(path: Path, ticket: Ticket, trust: bool, **options: str | None) -> Data:
    """The data that a ticket was found on, or those of the options `dataset` and `data_dir`.

    Raises NetsError if they are not there, and for those of a function that only the ticket names, without
    `trust`.
    """
    from nets_deap.config import named
    from nets_deap.config.layers import validate
    from nets_deap.experiments.config import TrainConfig

    given = {key: value for key, value in options.items() if value is not None}
    stored = _own_settings(path, ticket.config, TrainConfig)
    own = {key: value for key, value in stored.items() if key in OF_THE_DATA}
    if not trust:
        named.refuse_code(own, given, path)
    return validate(TrainConfig, own | given).problem().data


def _own_settings(path: Path, config: dict[str, Any], kind: type[Config]) -> dict[str, Any]:
    """The settings of the ticket's own run for training, and the place of that run's data."""
    from nets_deap.config import run_folder
    from nets_deap.config.base import PLACE_FIELDS
    from nets_deap.config.layers import DURATION_FIELDS

    kept = kind.model_fields.keys() - DURATION_FIELDS - PLACE_FIELDS
    own = {key: value for key, value in config.items() if key in kept}
    if any((path.parent / name).exists() for name in (run_folder.CHECKPOINT, run_folder.COST)):
        stored = run_folder.read_config(path.parent, "dataset", "a search")
        own["data_dir"] = stored.get("data_dir", "data")
    return own
