"""A lock on a folder: one run at a time, between processes and between threads, on any file system."""

from __future__ import annotations

import errno
import os
import secrets
import socket
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)  # Windows has none
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | NOFOLLOW | getattr(os, "O_BINARY", 0)
BUSY = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
OWNER = ".owner.nets-deap-tmp"
UNWRITTEN = 10.0  # seconds after which an owner file without content is one that a killed process left

# (process, folder) that this process has claimed: a record lock does not keep out the same process's threads.
_claimed: dict[tuple[int, str], object] = {}


class BusyError(Exception):
    """Another run holds the lock; the message says which process or thread has it."""


@contextmanager
def held(lock: Path) -> Iterator[None]:
    """Hold the lock of a folder; `lock` is a file in it, which exists only meanwhile.

    Raises BusyError if it is held, and OSError if the file cannot be opened or is a symbolic link.
    """
    key, token = (os.getpid(), os.path.realpath(lock.parent)), object()
    if _claimed.setdefault(key, token) is not token:
        raise BusyError("another thread of this process")
    owner, descriptor = lock.with_name(OWNER), None
    try:
        try:
            descriptor = _locked(lock)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            _own(owner)
        try:
            yield
        finally:
            if descriptor is None:
                _disown(owner)
            # While the lock is held: whoever has opened this file before compares it with what is there.
            if descriptor is None or _is_at(descriptor, lock):
                with suppress(OSError):
                    lock.unlink()
            if descriptor is not None:
                os.close(descriptor)
                if os.name == "nt":  # only now can it be removed, and not if another run has opened it
                    with suppress(OSError):
                        lock.unlink()
    finally:
        del _claimed[key]


def is_held(lock: Path) -> bool:
    """Is a run at work in the folder of this lock?

    Where a file system has no locks, the last one counts that has not left in order.
    """
    if (os.getpid(), os.path.realpath(lock.parent)) in _claimed or lock.with_name(OWNER).exists():
        return True
    try:
        descriptor = os.open(lock, os.O_RDWR | NOFOLLOW)
    except OSError:  # nobody is there
        return False
    try:
        _lock(descriptor)
    except BusyError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


def _locked(lock: Path) -> int:
    """A descriptor of the lock file, locked; not of one that another run has removed in between."""
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | NOFOLLOW | getattr(os, "O_NONBLOCK", 0), 0o666)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, "not a regular file")
            _lock(descriptor)
            if _is_at(descriptor, lock):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat(follow_symlinks=False))
    except FileNotFoundError:
        return False


def _lock(descriptor: int) -> None:
    """Lock a file without waiting. A record lock: workers do not inherit it, and it ends with the process."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError as error:
        raise OSError(errno.ENOSYS, "this system has no locks") from error
    except OSError as error:
        if error.errno in BUSY:
            raise BusyError("another process") from error
        raise


def _name(process: int) -> bytes:
    """This machine, a process of it, and when that process started, because numbers are used again."""
    started = ""
    with suppress(OSError, IndexError):
        started = (
            Path(f"/proc/{process}/stat")
            .read_text(encoding="ascii", errors="replace")
            .split(")")[-1]
            .split()[19]
        )
    return f"{socket.gethostname()} {process} {started}\n".encode()


def _own(owner: Path) -> None:
    """Lock without locks, for file systems that have none: by a file that names its owner.

    One that a killed process of this machine has left is taken over.
    """
    for _ in range(3):
        try:
            descriptor = os.open(owner, NEW, 0o666)
        except FileExistsError:
            told = _read(owner)
            if told and not _dead(told):
                host, process = [*told.decode(errors="replace").split(), "?", "?"][:2]
                raise BusyError(f"process {process} on {host}, says {owner.name}") from None
            aside = owner.with_name(f".owner.{secrets.token_hex(8)}.nets-deap-tmp")
            with suppress(FileNotFoundError):
                owner.rename(aside)  # of all who find it dead only one gets it
                if _read(aside) != told:  # another run has taken over in between
                    aside.rename(owner)
                    raise BusyError("another process") from None
                aside.unlink()
            continue
        with open(descriptor, "wb") as file:
            file.write(_name(os.getpid()))
        return
    raise BusyError("another process")


def _read(owner: Path) -> bytes:
    with suppress(FileNotFoundError), open(os.open(owner, os.O_RDONLY | NOFOLLOW), "rb") as file:
        told = file.read(300)
        if not told and time.time() - os.fstat(file.fileno()).st_mtime < UNWRITTEN:
            raise BusyError("another process")
        return told
    return b""


def _dead(told: bytes) -> bool:
    """Is this owner a process of this machine that has ended?"""
    host, process = [*told.decode(errors="replace").split(), "", ""][:2]
    if host != socket.gethostname() or not process.isdecimal() or os.name != "posix":
        return False
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        pass
    return _name(int(process)) != told


def _disown(owner: Path) -> None:
    with suppress(OSError, BusyError):
        if _read(owner) == _name(os.getpid()):
            owner.unlink()
