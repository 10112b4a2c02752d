from __future__ import annotations

import sys

import pytest
from nets_deap_cli import render


@pytest.mark.parametrize("dumb", [False, True])
def test_lines_when_piped_and_in_a_dumb_terminal(dumb: bool, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: dumb)
    monkeypatch.setenv("TERM", "dumb")
    with render.progress(3, False, "trial") as report:
        report(1, "a")
        report(2, "b", 4)
    assert capsys.readouterr().out == "trial 1/3  a\ntrial 2/4  b\n"


def test_lines_come_at_intervals_and_the_last_one_always(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    now = [0.0]
    monkeypatch.setattr(render.time, "monotonic", lambda: now[0])
    with render.progress(50, False, "iteration", every=10.0) as report:
        for done in range(1, 51):
            now[0] = float(done)
            report(done, "")
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == [
        "1/50", "11/50", "21/50", "31/50", "41/50", "50/50",
    ]  # fmt: skip


def test_quiet_is_quiet(capsys) -> None:
    with render.progress(2, True, "trial") as report:
        report(1, "a")
    assert capsys.readouterr() == ("", "")
