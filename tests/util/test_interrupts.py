"""No interrupt within a guard is lost, whenever it comes, and a guard leaves nothing behind."""

from __future__ import annotations

import _thread
import importlib
import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from nets_deap.util import interrupts


@pytest.mark.usefixtures("heed_ctrl_c")
def test_an_interrupt_that_is_held_back_comes_at_the_end() -> None:
    steps = []

    def interrupted() -> None:
        with interrupts.guarded(), interrupts.held_back():
            os.kill(os.getpid(), signal.SIGINT)
            steps.append("still here")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert steps == ["still here"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


class Interrupting:
    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        signal.raise_signal(self.number)


def in_a_destructor(number: int) -> None:
    Interrupting(number)


def in_a_callback_of_a_weak_reference(number: int) -> None:
    target = threading.Event()
    reference = weakref.ref(target, lambda _: signal.raise_signal(number))
    del target
    assert reference() is None


@pytest.mark.usefixtures("heed_ctrl_c")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("swallow", [in_a_destructor, in_a_callback_of_a_weak_reference])
def test_an_interrupt_that_python_swallows_comes_again(
    swallow: Callable[[int], None], number: int, capfd: pytest.CaptureFixture[str]
) -> None:
    kind = interrupts.Terminated if number == signal.SIGTERM else KeyboardInterrupt

    def interrupted() -> None:
        with interrupts.guarded(signal.SIGINT, signal.SIGTERM):
            swallow(number)
            time.sleep(5)

    before = time.monotonic()
    with pytest.raises(kind):
        interrupted()
    assert time.monotonic() - before < 4
    assert "Traceback" not in capfd.readouterr().err


def just_before_a_call_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python sees such a signal only after the call."""

    def send(thread: int, number: int) -> None:
        sent.append(number)
        if len(sent) > 2:
            kill(thread, number)

    sent: list[int] = []
    kill = signal.pthread_kill
    monkeypatch.setattr(signal, "pthread_kill", send)


def while_the_first_is_still_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def come_again() -> None:
        come()
        monkeypatch.setattr(interrupts, "_come_again", come)
        time.sleep(5 * interrupts.SOON)

    come = interrupts._come_again
    monkeypatch.setattr(interrupts, "_come_again", come_again)


@pytest.mark.usefixtures("heed_ctrl_c")
@pytest.mark.parametrize("early", [just_before_a_call_that_waits, while_the_first_is_still_swallowed])
def test_an_interrupt_that_comes_again_too_early_comes_once_more(
    early: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted() -> None:
        with interrupts.guarded():
            in_a_destructor(signal.SIGINT)
            time.sleep(5)

    early(monkeypatch)
    before = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert time.monotonic() - before < 4


@pytest.mark.usefixtures("heed_ctrl_c")
def test_an_interrupt_that_is_swallowed_last_is_raised_at_the_end_and_not_after_it() -> None:
    def interrupted() -> None:
        with interrupts.guarded():
            in_a_destructor(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    time.sleep(5 * interrupts.SOON)


@pytest.mark.usefixtures("heed_ctrl_c")
def test_an_interrupt_while_guards_begin_and_end_is_raised_and_leaves_nothing_behind() -> None:
    def shoot(seconds: float) -> None:
        time.sleep(seconds)
        os.kill(os.getpid(), signal.SIGINT)

    def interrupted(seconds: float) -> None:
        thread = threading.Thread(target=shoot, args=(seconds,))
        thread.start()
        ends = time.monotonic() + 0.01
        while thread.is_alive() or time.monotonic() < ends:
            with interrupts.guarded(), interrupts.held_back():
                pass

    for seconds in np.linspace(0, 0.002, 50):
        with pytest.raises(KeyboardInterrupt):
            interrupted(seconds)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        assert not signal.pthread_sigmask(signal.SIG_BLOCK, [])
        assert not (interrupts._guards)
        assert not (interrupts._held)


@pytest.mark.usefixtures("heed_ctrl_c")
def test_a_handler_that_the_caller_sets_is_not_sent_what_is_to_come_again() -> None:
    calls: list[int] = []

    def interrupted() -> None:
        with interrupts.guarded():
            in_a_destructor(signal.SIGINT)
            signal.signal(signal.SIGINT, lambda number, _: calls.append(number))
            time.sleep(5 * interrupts.SOON)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not calls


@pytest.mark.usefixtures("heed_ctrl_c")
def test_one_thread_sends_however_often_an_interrupt_is_swallowed() -> None:
    most, before = 0, _thread._count()  # type: ignore[attr-defined]

    def interrupted() -> None:
        nonlocal most
        ends = time.monotonic() + 10 * interrupts.SOON
        with interrupts.guarded():
            while time.monotonic() < ends:
                with suppress(KeyboardInterrupt):
                    in_a_destructor(signal.SIGINT)
                    time.sleep(interrupts.SOON / 4)
                most = max(most, _thread._count())  # type: ignore[attr-defined]

    with suppress(KeyboardInterrupt):
        interrupted()
    assert most - before < 20  # some have not seen yet that they are not needed


MODULE = """
import signal, time
signal.raise_signal(signal.SIGINT)
end = time.monotonic() + {seconds}
while time.monotonic() < end:
    pass
"""


@pytest.mark.usefixtures("heed_ctrl_c")
@pytest.mark.parametrize("seconds", [0.3, 30])
def test_an_interrupt_waits_for_imports_but_not_for_ever(
    seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interrupts, "PATIENCE", 1.0)
    name = f"interrupting{int(seconds)}"
    Path(f"{name}.py").write_text(MODULE.format(seconds=seconds), encoding="utf-8")
    monkeypatch.syspath_prepend(Path.cwd())

    def interrupted() -> None:
        with interrupts.guarded():
            importlib.import_module(name)
            time.sleep(5)

    before = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert time.monotonic() - before < 4
    assert (name in sys.modules) == (seconds < 1)


@pytest.mark.usefixtures("heed_ctrl_c")
def test_an_interrupt_that_was_raised_does_not_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("checking.py").write_text(
        "import signal\nfrom nets_deap.util import interrupts\n"
        "signal.raise_signal(signal.SIGINT)\ninterrupts.check()\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(Path.cwd())
    with interrupts.guarded():
        with pytest.raises(KeyboardInterrupt):
            importlib.import_module("checking")
        time.sleep(10 * interrupts.SOON)  # a clean-up


@pytest.mark.usefixtures("heed_ctrl_c")
def test_a_guard_of_more_signals_within_another_keeps_what_has_come() -> None:
    with interrupts.guarded():
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        with interrupts.guarded(signal.SIGINT, signal.SIGTERM):
            pass
        assert interrupts.seen() == [signal.SIGINT]
    assert interrupts.seen() == []
