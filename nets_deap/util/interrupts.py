"""Ctrl-C, SIGTERM and SIGHUP: none is lost, and none comes while a worker is being started."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
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
    if _within(frame, _is_ours) or (patient and _within(frame, _is_import)):
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


def _is_ours(code: Any) -> bool:
    """What is raised within the hook is lost, and a guard must not be cut short."""
    return code in [each.__code__ for each in (_Hook.__call__, _Guard.__enter__, _Guard.__exit__)]


def check() -> None:
    """Raise the interrupt that has come within the outermost guard, again if something has swallowed it."""
    if _seen:
        _due.clear()  # a second one would come into the clean-up after the first
        raise _RAISED[signal.Signals(_seen[0])]


class _Hook:
    """Lets an interrupt come again that a destructor, or a weak reference's callback, has swallowed."""

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
    with suppress(RuntimeError):  # without a thread `check` raises it, or the end of the guard
        _thread.start_new_thread(_send_again, (due,))  # without waiting until it runs


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


def _give_up() -> bool:
    """Send nothing any more. Was an interrupt to come again?"""
    with _sending:
        due = bool(_due)
        _due.clear()
    return due


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


def guarded(*numbers: signal.Signals) -> AbstractContextManager[Callable[[], None]]:
    """Take note of these signals, Ctrl-C unless others are given, and raise them; yield `check`.

    Extension modules swallow interrupts: pydantic-core, for example, turns one into a SchemaError while it
    builds a validator. Whoever calls `check` between two items does not miss it. What destructors swallow
    comes again by itself, at the latest when the outermost guard ends.
    A handler of the caller's own stays. Outside the main thread, where signals never arrive, nothing changes.
    """
    return _Guard(numbers or (signal.SIGINT,))


class _Guard:
    """A signal that comes while it begins or ends does not cut that short: it is raised afterwards."""

    def __init__(self, numbers: Sequence[signal.Signals]) -> None:
        self.numbers = numbers

    def __enter__(self) -> Callable[[], None]:
        # Ctrl-C first: from there on none is raised in here.
        self.ours = sorted(number for number in self.numbers if _is_default(number))
        if self.ours:
            if not _guards:
                _due.clear()
                _seen.clear()
            for number in self.ours:
                signal.signal(number, _note)
            _guards.append(None)
            self.hook = sys.unraisablehook
            sys.unraisablehook = _Hook(self.hook)
        return check

    def __exit__(self, *error: object) -> None:
        if not self.ours:
            return
        sys.unraisablehook = self.hook
        _guards.pop()
        due = not _guards and _give_up()
        for number in reversed(self.ours):  # Ctrl-C last
            signal.signal(number, _DEFAULT[number])
        if _guards:
            return
        due = _give_up() or due
        came = _seen[:1]
        _seen.clear()  # whoever comes next is not interrupted by it
        if due and came:
            raise _RAISED[signal.Signals(came[0])]


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
    if in_main:
        _held.append(None)
    before = _block()
    try:
        yield
    finally:
        _unblock(before)
        if in_main:
            _held.pop()
    if in_main and _guards and not _held:
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
