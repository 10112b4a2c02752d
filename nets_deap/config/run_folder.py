"""The folder of a run: which run it belongs to, and the names of its files."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType

from nets_deap import __version__
from nets_deap.config.base import OF_A_CALL, ProblemConfig, without_retired
from nets_deap.config.measured import METRIC, note_metric
from nets_deap.problem.problem import Problem
from nets_deap.util import files
from nets_deap.util.errors import DamagedError, NetsError, shortened, warn_once
from nets_deap.util.tables import Row

CONFIG, CHECKPOINT, PREVIOUS, LOGBOOK, TICKET, COST = (
    "config.json",
    "checkpoint.safetensors",
    "checkpoint.previous.safetensors",
    "logbook.csv",
    "ticket.safetensors",
    "cost.json",
)
LOG = files.LOGS[0]
LINEAGE, SURVIVAL = "lineage.csv", "survival.csv"  # of an evolution
# What a run has computed; without any of these its folder may go to another one
RESULTS = (
    CHECKPOINT,
    PREVIOUS,
    TICKET,
    COST,  # of a search, with its ticket
    "cycles/cycle-*.safetensors",
    "trials.csv",
    "trials/*.json",
    "trials/*.partial/**/*.safetensors",  # of a trial that is not finished
    "tickets/*.json",
    "verify.csv",
    "transfer.csv",
    "connectivity.csv",
    "summary.json",
)
# What a run writes before or beside its results
DATA, VERSION = "data.crc32", "version.txt"  # what the results come from
SCAFFOLD = frozenset(
    {
        *(CONFIG, LOGBOOK, LINEAGE, SURVIVAL, COST, DATA, VERSION, METRIC),
        *("ticket.crc32", "tickets.crc32", "digests.json"),
    }
)
logger = logging.getLogger(__name__)
OURS = frozenset({"dataset", "arch", "seed"})  # fields of every config.json that we write


def default_folder(config: ProblemConfig) -> Path:
    """runs/<dataset>-<arch>-<seed>-<fingerprint>."""
    dataset, arch = (
        "".join(c if c.isalnum() or c in "-_" else "-" for c in name)[:80]
        for name in (Path(config.dataset).name, config.arch)
    )
    return Path("runs") / f"{dataset}-{arch}-{config.seed}-{config.fingerprint()}"


def write_config(folder: Path, config: ProblemConfig) -> None:
    """Write the config without the fields OF_A_CALL."""
    text = config.model_dump_json(indent=2, exclude=set(OF_A_CALL))
    files.write_text(folder / CONFIG, text + "\n")


def read_config(folder: Path, mark: str = "pop", of: str = "an evolution") -> Row:
    """The stored config `of` a kind of run. Raises NetsError if it is damaged or lacks the field `mark`."""
    path = folder / CONFIG
    try:
        values = files.read_json(path)
    except DamagedError as error:
        raise DamagedError(f"{error}: restore it from a copy, or choose another `out`") from error
    if not isinstance(values, dict) or mark not in values:
        raise NetsError(f"{path} is not the config of {of}: choose another folder")
    return {key: value for key, value in without_retired(values).items() if key not in OF_A_CALL}


Origin = Mapping[str, tuple[str, str]]  # name of a file: what it says, and what else results come from if not
NOTHING: Origin = MappingProxyType({})


def _origin(problem: Problem, data: str | None, more: Origin) -> Origin:
    """data: the checksum of the problem's data; None: nobody knows it"""
    origin = {VERSION: (__version__, f"another version of nets-deap than {__version__}")}
    if data is not None:
        origin[DATA] = (data, f"other data than `dataset` {problem.dataset_name} now has")
    return {**origin, **more}


def check_origin(folder: Path, problem: Problem, more: Origin = NOTHING) -> None:
    """Raise NetsError if the results in a folder come from other data or another version of nets-deap.

    more: what else they may come from. Folders that do not say what they come from pass, and so do all if the
    data are not there to be compared.
    """
    if is_free(folder):
        return
    data = None
    with suppress(NetsError):  # data that are not there
        data = problem.data.checksum
    for name, (content, other) in _origin(problem, data, more).items():
        if (folder / name).exists() and files.read_text(folder / name) != f"{content}\n":
            raise NetsError(f"{folder} holds results from {other}: choose another `out`")


def write_origin(folder: Path, problem: Problem, more: Origin = NOTHING) -> None:
    """Note what the results in a folder come from. Raises NetsError if the data are missing.

    Results that do not say of which version they are stay like that, with a warning.
    """
    for name, (content, _) in _origin(problem, problem.data.checksum, more).items():
        path = folder / name
        if name == VERSION and not path.exists() and holds_results(folder):
            warn_once(
                f"{folder} does not say which version of nets-deap its results come from: version "
                f"{__version__} may compute other figures"
            )
            continue
        if not path.exists() or files.read_text(path) != f"{content}\n":
            files.write_text(path, f"{content}\n")
    note_metric(folder, problem)


def holds_results(folder: Path) -> bool:
    """Has a run computed anything in this folder that another one would need or destroy?"""
    return any(next(folder.glob(pattern), None) for pattern in RESULTS)


def is_free(folder: Path) -> bool:
    """Whether a run with any settings may begin here: nothing was ever computed, and nothing is a stranger's.

    A run that was killed in its first step leaves such a folder.
    """
    if files.strangers(folder, {*SCAFFOLD, *files.PARTS}) or not folder.is_dir():
        return not files.strangers(folder)
    if holds_results(folder):
        return False
    if not (folder / CONFIG).exists():
        return not files.strangers(folder)
    try:
        values = files.read_json(folder / CONFIG)
    except DamagedError:
        return False
    return isinstance(values, dict) and values.keys() >= OURS


def claim(
    folder: Path,
    config: ProblemConfig,
    mark: str,
    of: str,
    added: Collection[str] = (),
    more: Origin = NOTHING,
    note: bool = True,
) -> None:
    """Claim a held folder for a config: write there the config, and what the results come from.

    mark, of: a field that only this kind of config has, and the kind in words, as for `read_config`
    added: fields that may differ, besides PLACE_FIELDS; more: as for `check_origin`
    note: False: leave it to the caller to `write_origin`, once something is to be computed
    Raises NetsError if the folder holds another run, or results of other data or of another version.
    """
    problem = config.problem()
    check_origin(folder, problem, more)
    if is_free(folder):
        for name in SCAFFOLD:
            (folder / name).unlink(missing_ok=True)
    elif (folder / CONFIG).exists():
        stored = read_config(folder, mark, of)
        for key, value in config.identity().items():
            # A field that was added after the folder was written had its default there.
            before = stored.get(key, type(config).model_fields[key].default)
            if key not in added and before != value:
                raise NetsError(
                    f"{folder} holds {of} with {key.replace('_', ' ')} {shortened(str(before), 60)}, "
                    f"not {shortened(str(value), 60)}: choose another `out`"
                )
        _tell_devices(folder, stored.get("device"), config)
    else:
        raise NetsError(f"{folder} is not empty and holds no {of.partition(' ')[2]}: choose another `out`")
    write_config(folder, config)
    begun(folder)
    if note:
        write_origin(folder, problem, more)


def _tell_devices(folder: Path, before: object, config: ProblemConfig) -> None:
    """Warn if the results in a folder come from another device than those that are to be added."""
    now = config.device if config.device != "auto" else config.torch_device()
    if holds_results(folder) and before not in (now, None, "auto"):
        warn_once(
            f"{folder} holds results of `device` {before} and goes on with {now}: they round differently, so "
            "one seed gives slightly different figures"
        )


@contextmanager
def held(folder: Path, names: Collection[str] = SCAFFOLD) -> Iterator[None]:
    """Lock a folder, for the length of a run; see `files.claimed_folder`.

    A run that fails before it has any results leaves none of its files, whose names are `names`.
    """
    with files.claimed_folder(folder), _without_leftovers(folder, names):
        yield


def begun(folder: Path) -> None:
    """Log that a run writes to a folder, which is held and its own: with this, LOG there begins."""
    logger.info("writing to %s", folder, extra={"held": folder})


@contextmanager
def _without_leftovers(folder: Path, names: Collection[str]) -> Iterator[None]:
    before = {path.name for path in folder.iterdir()}
    try:
        yield
    except BaseException:
        if not holds_results(folder):
            with suppress(OSError):
                for name in {path.name for path in folder.iterdir()} - before:
                    if name in names:
                        (folder / name).unlink()
                    elif name in files.PARTS:
                        (folder / name).rmdir()
        raise
    finally:
        if LOG not in before and not holds_results(folder):
            with suppress(OSError):
                (folder / LOG).unlink()
