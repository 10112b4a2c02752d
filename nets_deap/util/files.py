"""Files that are whole or not there, and folders that one run at a time writes to."""

from __future__ import annotations

import errno
import glob
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from nets_deap.util import json_text, locks
from nets_deap.util.errors import DamagedError, NetsError

TEMPORARY = ".nets-deap-tmp"  # suffix of a file being written, and of a lock
LEFT = re.compile(rf"\..+\.[0-9a-f]{{1,32}}{re.escape(TEMPORARY)}", re.DOTALL)  # by a process that was killed
LOCK = f".lock{TEMPORARY}"
PARTS = ("cycles", "front", "tickets", "trials")  # subfolders that belong to the run in a folder
# Logs of a run, of ours and of trackers: they make no folder a stranger's
LOGS = ("log.txt", "tensorboard", "mlflow", "wandb")
# What systems put into any folder: it makes none a stranger's
SYSTEMS = re.compile(r"\.DS_Store|\._.*|\.localized|\.Spotlight-.*|\.Trash.*|\.fseventsd|\.nfs.*|\.directory"
                     r"|Thumbs\.db|desktop\.ini|lost\+found|@eaDir|\.snapshot", re.IGNORECASE)  # fmt: skip
DAY = 86_400.0  # seconds
IN_USE = (5, 32)  # Windows' ERROR_ACCESS_DENIED and ERROR_SHARING_VIOLATION
WAITS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)  # seconds
LARGEST = 1 << 28  # bytes of a text file that is read


def write_bytes(path: Path, *pieces: bytes | memoryview) -> None:
    """Replace a file by these pieces in one step: a reader sees the old file or the new one.

    Raises NetsError if it cannot be written. A symbolic link at `path` is replaced, never followed.
    """
    temporary = _temporary(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(temporary, locks.NEW, 0o666), "wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        _replace(temporary, path)
        _sync(path.parent)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise NetsError(f"cannot write {path}: {error.strerror or error}") from error
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def keep(path: Path, as_: Path) -> None:
    """Let a file that is about to be replaced stay under another name. Raises NetsError if that fails."""
    temporary = _temporary(as_)
    try:
        try:
            os.link(path, temporary)
        except OSError:  # a file system without hard links
            shutil.copyfile(path, temporary)
        _replace(temporary, as_)
    except FileNotFoundError:
        return
    except OSError as error:
        raise NetsError(f"cannot write {as_}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _replace(temporary: Path, path: Path) -> None:
    """Rename over a file. Windows refuses it while another process reads that file, which takes a moment."""
    for wait in (*WAITS, None):
        try:
            temporary.replace(path)
        except PermissionError as error:
            if wait is None or getattr(error, "winerror", None) not in IN_USE:
                raise
            time.sleep(wait)
        else:
            return


def _temporary(path: Path) -> Path:
    """A name that nobody can know beforehand, in the same folder."""
    return path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}{TEMPORARY}")


def _sync(folder: Path) -> None:
    """Make a renaming last through a power cut, where the system can do so for a folder."""
    if os.name != "posix":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # no right to read it
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno in (errno.EIO, errno.ENOSPC, errno.EDQUOT):
            raise
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Replace a text file, in UTF-8. Raises NetsError if it cannot be written."""
    write_bytes(path, text.encode(errors="backslashreplace"))


def read_bytes(path: Path, kind: str = "", any_kind: bool = False, largest: int = LARGEST) -> bytes:
    """The content of a file. Raises NetsError if it cannot be read, and DamagedError if it is too large.

    kind: what it should be, for messages; any_kind: read what is no regular file, such as a pipe
    """
    what = f"{kind} {path}".strip()
    try:
        if not (any_kind or stat.S_ISREG(path.stat().st_mode)):
            raise NetsError(f"cannot read {what}: it is not a file")
        with path.open("rb") as file:
            content = file.read(largest + 1)
    except (OSError, ValueError) as error:
        raise NetsError(f"cannot read {what}: {getattr(error, 'strerror', None) or error}") from error
    if len(content) > largest:
        raise DamagedError(f"{path} is larger than {largest:,} bytes: that is no file of ours")
    return content


def read_text(path: Path, kind: str = "", any_kind: bool = False, largest: int = LARGEST) -> str:
    """The text of a file in UTF-8. Raises NetsError as `read_bytes` does, DamagedError if it is no UTF-8."""
    try:
        return read_bytes(path, kind, any_kind, largest).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DamagedError(f"{path} is not text in UTF-8 (byte {error.start})") from error


def read_json(path: Path) -> Any:
    """The value in a JSON file. Raises NetsError as `read_text` does, DamagedError if it is no JSON."""
    return parsed(read_text(path), path)


def parsed(text: str, what: object) -> Any:
    """The value of JSON text. Raises DamagedError, which names it as `what`."""
    try:
        return json_text.loads(text)
    except ValueError as error:
        raise DamagedError(f"{what} is damaged: {error}") from error


@contextmanager
def claimed_folder(path: Path) -> Iterator[None]:
    """Create a folder for results, and keep other processes and threads out.

    Temporary files that a killed process left are removed. So are, in the end, folders made here that are
    empty. Raises NetsError if the folder cannot be written to, or another run is at work there.
    """
    made = _make(path)
    try:
        with ExitStack() as stack:
            try:
                stack.enter_context(locks.held(path / LOCK))
            except locks.BusyError as error:
                raise NetsError(f"{error} is at work in {path}: wait, or choose another `out`") from error
            except OSError as error:
                raise _unclaimable(path, error) from error
            for part in (path / name for name in PARTS):
                refuse_link(part)
                _sweep(part)
            _sweep(path)
            yield
    finally:
        _remove_empty(made)


def _make(path: Path) -> list[Path]:
    """Create a folder; those that were missing, outermost first."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()][::-1]
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _remove_empty(missing)
        raise NetsError(f"cannot create the folder {path}: {error.strerror or error}") from error
    return missing


def _remove_empty(folders: list[Path]) -> None:
    for folder in reversed(folders):
        with suppress(OSError):
            folder.rmdir()


def _unclaimable(path: Path, error: OSError) -> NetsError:
    if error.errno in (errno.ELOOP, errno.EINVAL, errno.EISDIR, errno.EMLINK):
        return NetsError(f"{path / LOCK} is not a lock of ours: remove it, or choose another `out`")
    reason = error.strerror or error
    return NetsError(f"cannot write to the folder {path}: {reason}: choose another `out`")


def refuse_link(part: Path) -> None:
    """Raise NetsError if a subfolder is a symbolic link: nothing is written or deleted outside a folder."""
    if part.is_symlink():
        raise NetsError(f"{part} is a symbolic link, and a run writes only into its own folder: remove it")


def sweep_old(path: Path) -> None:
    """Remove what processes killed a day ago or earlier left of a file in a folder that nobody claims."""
    with suppress(OSError):
        for left in path.parent.glob(f".{glob.escape(path.name[:100])}.*{TEMPORARY}"):
            told = left.lstat()
            if LEFT.fullmatch(left.name) and stat.S_ISREG(told.st_mode) and told.st_mtime < time.time() - DAY:
                left.unlink()


def _sweep(folder: Path) -> None:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if LEFT.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                with suppress(OSError):
                    os.unlink(entry.path)


def strangers(folder: Path, ours: Collection[str] = ()) -> bool:
    """Whether a path is a file, or a folder with files not named in `ours`.

    Temporary files and LOGS do not count, nor what systems put into any folder.
    """
    ours = {*ours, *LOGS}
    if not folder.is_dir():
        return os.path.lexists(folder)
    try:
        names = os.listdir(folder)
    except OSError as error:
        raise NetsError(f"cannot read the folder {folder}: {error.strerror or error}") from error
    return any(n not in ours and not n.endswith(TEMPORARY) and not SYSTEMS.fullmatch(n) for n in names)
