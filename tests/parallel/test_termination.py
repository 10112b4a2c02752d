"""SIGTERM as schedulers send it, SIGHUP, and steps that take long: every command ends, and goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from nets_deap_cli import commands

from nets_deap.util import interrupts
from tests.attack.signals import BRIEF, COMMANDS, WORK, Shot, fire, make_ticket, undisturbed


@pytest.fixture(scope="module")
def ticket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_ticket(tmp_path_factory.mktemp("ticket"))


def test_every_command_is_among_those_that_get_signals() -> None:
    assert {*WORK, *BRIEF} == set(commands.COMMANDS)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_a_scheduler_ends_goes_on_to_the_same_results(command: str, ticket: Path) -> None:
    shot = Shot(command, signal.SIGTERM, 0.1, at_work=True, times=2, to_all=True)
    assert fire(shot, ticket, undisturbed(command, ticket)) == []


@pytest.mark.slow
@pytest.mark.parametrize("shot", [
    Shot("train by multiprocess", signal.SIGHUP, 0.5, at_work=True),
    Shot("compare by multiprocess", signal.SIGTERM, 0.01, at_work=True, to_all=True),  # as workers start
    Shot("verify by serial", signal.SIGTERM, 0.5, times=2),  # during imports
])  # fmt: skip
def test_other_signals_and_other_moments(shot: Shot, ticket: Path) -> None:
    assert fire(shot, ticket, undisturbed(shot.command, ticket)) == []


LONG_STEP = """
import hashlib, multiprocessing, os, signal, sys, threading
from nets_deap_cli import commands, main
main.PATIENCE = 0.3
held = multiprocessing.get_context("spawn").Semaphore()  # as a cluster that starts has some
def run(words):
    threading.Timer(0.1, os.kill, (os.getpid(), int(words[0]))).start()
    hashlib.pbkdf2_hmac("sha256", b"", b"", 100_000_000)  # a minute in C, in which Python notices no signal
commands.run = run
main.main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_step_that_takes_long(number: signal.Signals) -> None:
    def heed() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)

    before = time.monotonic()
    ran = subprocess.run(
        [sys.executable, "-c", LONG_STEP, str(int(number))],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=heed,
    )
    assert (ran.returncode, ran.stderr.count("\n")) == (128 + number, 1)
    assert ran.stderr.startswith("interrupted within a step")
    assert time.monotonic() - before < 5


def test_a_second_signal_does_not_cut_the_clean_up() -> None:
    def signalled(steps: list[str]) -> None:
        with interrupts.guarded(signal.SIGTERM), interrupts.ended_within(60, lambda number: os._exit(1)):
            try:
                signal.raise_signal(signal.SIGTERM)
            finally:
                signal.raise_signal(signal.SIGTERM)
                steps.append("saved")

    steps: list[str] = []
    with pytest.raises(interrupts.Terminated):
        signalled(steps)
    assert steps == ["saved"]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_nohup_keeps_its_word() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interrupts.guarded(*interrupts.ALL):
            signal.raise_signal(signal.SIGHUP)
    finally:
        assert signal.signal(signal.SIGHUP, before) is signal.SIG_IGN
