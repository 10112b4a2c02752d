"""Ctrl-C, SIGTERM and SIGHUP: none is lost, and none comes while a worker is being started."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any


class Terminated(KeyboardInterrupt):
    """SIGTERM came, or SIGHUP: the terminal is gone. It is handled as Ctrl-C is."""


_RAISED = {signal.SIGINT: KeyboardInterrupt, signal.SIGTERM: Terminated}
if hasattr(signal, "SIGHUP"):  # not on Windows
    _RAISED[signal.SIGHUP] = Terminated
ALL = tuple(_RAISED)
_DEFAULT: dict[signal.Signals, Any] = {
    **dict.fromkeys(ALL, signal.SIG_DFL),
    signal.SIGINT: signal.default_int_handler,
}
SOON = 0.02  # seconds after which an interrupt comes again that was swallowed, or came during an import
FREEING = 0.3  # seconds for what a process that ends at once still does
PATIENCE = 3.0  # seconds that it waits for imports, which may run code of the user's
_began: list[float] = []  # when the first signal has come
_due: list[None] = []  # one entry while an interrupt is to come again
_seen: list[int] = []  # signals that have come within the outermost guard
_guards: list[None] = []  # one entry for each guard that handles a signal
_held: list[None] = []  # one entry for each place that the main thread is in where none may be raised
_limited: list[None] = []  # one entry for each `ended_within` that the main thread is in


def _note(number: int, frame: Any) -> None:
    if not _seen:
        _began[:] = [time.monotonic()]
    again = bool(_seen and not _due)
    _seen.append(number)
    if _held or (again and _limited):  # one signal often comes twice: from `timeout`, or from srun and SLURM
        return
    if _importing(frame) and (_limited or time.monotonic() < _began[0] + PATIENCE):
        _come_again()
    else:
        check()


def _importing(frame: Any) -> bool:
    """Is a module being imported in this frame, or in one that has called it?

    Interrupted while it is set up, an extension may abort the process, as torch has done.
    """
    while frame:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def check() -> None:
    """Raise the interrupt that has come within the outermost guard, again if something has swallowed it."""
    if _seen:
        _due.clear()  # a second one would come into the clean-up after the first
        raise _RAISED[signal.Signals(_seen[0])]


@contextmanager
def _swallowed_again() -> Iterator[None]:
    """Let an interrupt come again that a destructor, or a weak reference's callback, has swallowed."""
    before = sys.unraisablehook

    def hook(unraisable: Any) -> None:
        if not (_seen and isinstance(unraisable.exc_value, KeyboardInterrupt)):
            before(unraisable)
            return
        _held.append(None)  # what is raised within this hook is lost
        _come_again()
        _held.pop()

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def _come_again() -> None:
    if not _due:
        _due.append(None)
        _thread.start_new_thread(_send_again, ())  # without waiting until it runs


def _send_again() -> None:
    """Send the signal until it is raised. Once is not enough: when it comes just before a call that waits,
    Python sees it only after that call."""
    time.sleep(SOON)
    while (numbers := _seen[:1]) and _due:
        _send(numbers[0])
        time.sleep(SOON)


def _send(number: int) -> None:
    if hasattr(signal, "pthread_kill"):  # not on Windows; it wakes a thread that sleeps
        signal.pthread_kill(threading.main_thread().ident or 0, number)
    else:
        _thread.interrupt_main(signal.Signals(number))


def seen() -> list[int]:
    """The signals that have come within the outermost guard; none outside of it."""
    return _seen.copy()


@contextmanager
def guarded(*numbers: signal.Signals) -> Iterator[Callable[[], None]]:
    """Take note of these signals, Ctrl-C unless others are given, and raise them; yield `check`.

    Extension modules swallow interrupts: pydantic-core, for example, turns one into a SchemaError while it
    builds a validator. Whoever calls `check` between two items does not miss it. What destructors swallow
    comes again by itself.
    A handler of the caller's own stays. Outside the main thread, where signals never arrive, nothing changes.
    """
    ours = [number for number in numbers or (signal.SIGINT,) if _is_default(number)]
    if ours:
        _guards.append(None)
    for number in ours:
        signal.signal(number, _note)
    try:
        with _swallowed_again() if ours else nullcontext():
            yield check
    finally:
        for number in ours:
            signal.signal(number, _DEFAULT[number])
        if ours:
            _guards.pop()
        if not _guards:
            _due.clear()
            _seen.clear()  # whoever comes next is not interrupted by it


@contextmanager
def ended_within(seconds: float, end: Callable[[int], None]) -> Iterator[None]:
    """Call `end` with the signal, in another thread, where the block goes on for so long after one has come.

    A long call of a library, such as one step of a large stack, keeps Python from noticing signals, but not
    other threads from running. Within the block a second signal does not cut the clean-up after the first.
    Not on Windows, whose signals reach no file, nor outside the main thread, where none arrives.
    """
    if os.name != "posix" or threading.current_thread() is not threading.main_thread():
        yield
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    over = threading.Event()

    def watch() -> None:
        with open(reading, "rb", buffering=0) as file:
            while (number := file.read(1)) and number[0] not in _RAISED:
                pass
            if number and not over.wait(seconds):
                end(number[0])

    threading.Thread(target=watch, daemon=True).start()
    _limited.append(None)
    try:
        yield
    finally:
        _limited.pop()
        signal.set_wakeup_fd(before)
        over.set()
        os.close(writing)


def _is_default(number: signal.Signals) -> bool:
    in_main = threading.current_thread() is threading.main_thread()
    return in_main and signal.getsignal(number) == _DEFAULT[number]


@contextmanager
def held_back() -> Iterator[None]:
    """Raise an interrupt only at the end of the block. Processes that start within it begin deaf to signals.

    An interrupt in the middle of a fork would be lost, or leave a process that nobody knows.
    """
    in_main = threading.current_thread() is threading.main_thread()
    before = _block()
    if in_main:
        _held.append(None)
    try:
        yield
    finally:
        if before is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)  # a signal that has waited comes here
        if in_main:
            _held.pop()
    if in_main and not _held and signal.getsignal(signal.SIGINT) is _note:
        check()


def _block() -> set[Any] | None:
    if not hasattr(signal, "pthread_sigmask"):  # not on Windows
        return None
    return set(signal.pthread_sigmask(signal.SIG_BLOCK, list(_RAISED)))


def end_with(status: int) -> None:
    """From now on any of the signals ends the process at once with this exit code: nothing is left to do."""

    def end(number: int, frame: Any) -> None:
        sys.stdout.flush()
        os._exit(status)

    for number in _RAISED:
        signal.signal(number, end)


def ignore() -> None:
    """From now on none of the signals has an effect."""
    for number in _RAISED:
        signal.signal(number, signal.SIG_IGN)


def leave_to_parent() -> None:
    """In a worker: ignore Ctrl-C and SIGHUP, which the parent handles, and let SIGTERM end the process."""
    signal.set_wakeup_fd(-1)  # a fork's is the parent's
    for number in ALL:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, list(_RAISED))


def end_now(status: int) -> None:
    """End this process without its clean-up, but for the semaphores of its locks and queues, which would stay
    in the system, or be told of on stderr by the process that looks after them."""
    thread = threading.Thread(target=_free_semaphores, daemon=True)
    thread.start()
    thread.join(FREEING)  # another thread may be at work on them at this moment
    os._exit(status)


def _free_semaphores() -> None:
    for package in ("multiprocessing", "multiprocess"):
        util, synchronize = (sys.modules.get(f"{package}.{name}") for name in ("util", "synchronize"))
        if util and synchronize:
            for finaliser in list(util._finalizer_registry.values()):
                if finaliser._callback is synchronize.SemLock._cleanup:
                    finaliser()
