"""Ctrl-C, SIGTERM and SIGHUP: none is lost, and none comes while a worker is being started."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
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
PATIENCE = 3.0  # seconds that it waits for imports, which may run code of the user's
_began: list[float] = []  # when the first signal has come
_due: list[object] = []  # one entry while an interrupt is to come again: a thread sends it
_sending = threading.Lock()  # held while it is sent
_seen: list[int] = []  # signals that have come within the outermost guard
_guards: list[None] = []  # one entry for each guard that handles a signal
_held: list[None] = []  # one entry for each place that the main thread is in where none is raised
_limited: list[None] = []  # one entry for each `ended_within` that the main thread is in


def _note(number: int, frame: Any) -> None:
    if not _seen:
        _began[:] = [time.monotonic()]
    again = bool(_seen and not _due)
    _seen.append(number)
    if _held or (again and _limited):  # one signal often comes twice: from `timeout`, or from srun and SLURM
        return
    patient = _limited or time.monotonic() < _began[0] + PATIENCE
    if _within(frame, _is_hook) or (patient and _within(frame, _is_import)):
        _come_again()
    else:
        check()


def _within(frame: Any, wanted: Callable[[Any], bool]) -> bool:
    """Is this frame wanted, or one that has called it?"""
    while frame:
        if wanted(frame.f_code):
            return True
        frame = frame.f_back
    return False


def _is_import(code: Any) -> bool:
    """Interrupted while it is set up, an extension may abort the process, as torch has done."""
    return bool(code.co_filename.startswith("<frozen importlib"))


def _is_hook(code: Any) -> bool:
    """What is raised within the hook is lost."""
    return code is _Hook.__call__.__code__


def check() -> None:
    """Raise the interrupt that has come within the outermost guard, again if something has swallowed it."""
    if _seen:
        _due.clear()  # a second one would come into the clean-up after the first
        raise _RAISED[signal.Signals(_seen[0])]


@contextmanager
def _swallowed_again() -> Iterator[None]:
    """Let an interrupt come again that a destructor, or a weak reference's callback, has swallowed."""
    before = sys.unraisablehook
    sys.unraisablehook = _Hook(before)
    try:
        yield
    finally:
        sys.unraisablehook = before


class _Hook:
    def __init__(self, before: Callable[[Any], Any]) -> None:
        self.before = before

    def __call__(self, unraisable: Any) -> None:
        if _seen and isinstance(unraisable.exc_value, KeyboardInterrupt):
            _come_again()
        else:
            self.before(unraisable)


def _come_again() -> None:
    if _due:
        return
    _due.append(due := object())
    try:
        _thread.start_new_thread(_send_again, (due,))  # without waiting until it runs
    except RuntimeError:  # there is no thread to be had: whoever calls `check` raises it
        _due.clear()


def _send_again(due: object) -> None:
    """Send the signal until it is raised. Once is not enough: when it comes just before a call that waits,
    Python sees it only after that call."""
    while True:
        time.sleep(SOON)
        with _sending:
            numbers = _seen[:1]
            if not numbers or due not in _due:
                return
            if signal.getsignal(numbers[0]) is _note:  # not a handler that the caller has set since
                _send(numbers[0])


def _send(number: int) -> None:
    if hasattr(signal, "pthread_kill"):  # not on Windows; it wakes a thread that sleeps
        signal.pthread_kill(threading.main_thread().ident or 0, number)
    else:
        _thread.interrupt_main(signal.Signals(number))


def _renew() -> None:
    """In a fork, which lacks the thread that sends, and may have copied its lock."""
    global _sending  # noqa: PLW0603
    _sending = threading.Lock()
    _due.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


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
        if ours:
            _leave(ours)


def _leave(numbers: Sequence[signal.Signals]) -> None:
    """Give the signals back. Raises an interrupt that comes meanwhile, or is still to come again."""
    _held.append(None)
    known, last = len(_seen), len(_guards) == 1
    pending = bool(_due) and last
    with _sending:  # nothing is sent after this
        if last:
            _due.clear()
    before = _block()
    for number in numbers:
        signal.signal(number, _DEFAULT[number])
    pending = pending or len(_seen) > known
    first = signal.Signals(_seen[0]) if _seen else None
    _guards.pop()
    if last:
        _seen.clear()  # whoever comes next is not interrupted by it
    _held.pop()
    _unblock(before)
    if pending and last and first:
        raise _RAISED[first]


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
        _unblock(before)
        if in_main:
            _held.pop()
    if in_main and not _held and signal.getsignal(signal.SIGINT) is _note:
        check()


def _block() -> set[Any] | None:
    if not hasattr(signal, "pthread_sigmask"):  # not on Windows
        return None
    return set(signal.pthread_sigmask(signal.SIG_BLOCK, list(_RAISED)))


def _unblock(before: set[Any] | None) -> None:
    if before is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)  # a signal that has waited comes here


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
