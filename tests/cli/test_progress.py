from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from nets_deap_cli import progress

from nets_deap.util import inside
from nets_deap.util.inside import Level


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])

    def at(seconds: float) -> None:
        now[0] = seconds

    return at


@pytest.mark.parametrize("dumb", [False, True])
def test_lines_when_piped_and_in_a_dumb_terminal(dumb: bool, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: dumb)
    monkeypatch.setenv("TERM", "dumb")
    with progress.shown(3, False, "trial") as report:
        report(1, "a")
        report(2, "b", 4)
    assert capsys.readouterr().out == "trial 1/3  a\ntrial 2/4  b\n"


def test_lines_come_at_intervals_and_the_last_one_always(clock: Callable[[float], None], capsys) -> None:
    with progress.shown(50, False, "iteration", every=10.0) as report:
        for done in range(1, 51):
            clock(float(done))
            report(done, "")
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == [
        "1/50", "11/50", "21/50", "31/50", "41/50", "50/50",
    ]  # fmt: skip


def test_quiet_is_quiet(capsys) -> None:
    with progress.shown(2, True, "trial") as report:
        report(1, "a")
        assert list(inside.counted("lap", range(2), 2)) == [0, 1]
    assert capsys.readouterr() == ("", "")


def test_in_a_lull_a_line_tells_of_the_work_inside_a_step(clock: Callable[[float], None], capsys) -> None:
    with progress.shown(4, False, "generation", begun=-1) as report:
        for second in range(0, 31, 2):
            clock(float(second))
            list(inside.counted("evaluation", range(second, second + 1), 40, begun=second))
            if second == 16:
                report(0, "fitness 1")
    assert capsys.readouterr().out == (
        "generation 0/4  evaluation 10/40, about 3 min left\n"
        "generation 0/4  fitness 1\n"
        "generation 0/4  evaluation 26/40, about 52 s left\n"
    )


def test_the_time_left_of_a_step_that_goes_on_from_its_middle(clock: Callable[[float], None], capsys) -> None:
    with progress.shown(100, False, "iteration"):
        for second in (0, 5, 10):
            clock(float(second))
            list(inside.counted("iteration", range(1), 100, begun=50 + second))
    assert capsys.readouterr().out == "iteration 60/100  about 40 s left\n"


def test_lines_of_a_long_step_grow_rare(clock: Callable[[float], None], capsys) -> None:
    with progress.shown(4, False, "cycle"):
        for second in range(0, 281, 10):
            clock(float(second))
            list(inside.counted("iteration", range(1), 500, begun=second))
    told = [int(line.split()[3].partition("/")[0]) for line in capsys.readouterr().out.splitlines()]
    assert told == [10, 30, 60, 100, 160, 220, 280]


def lines(unit: str, done: int = 0) -> progress.Lines:
    made = progress.Lines(10, unit, 0.0, 0, lambda item: f"seed {item}")
    made.done = done
    return made


def test_work_inside_a_step_is_a_share_of_it() -> None:
    evaluation, iteration = Level("evaluation", 1, 4), Level("iteration", 3, 6)
    assert lines("generation", 2).inside([evaluation, iteration]) == (
        2 + 1.5 / 4, "evaluation 1/4, iteration 3/6",
    )  # fmt: skip
    assert lines("iteration", 2).inside([iteration]) == (3, "")
    items = Level("item", 1, 5, [7])
    assert lines("trial", 2).inside([items]) == (2, "running: seed 7")
    assert lines("trial", 2).inside([items, evaluation]) == (2.25, "running: seed 7, evaluation 1/4")
    many = Level("item", 1, 9, [1, 2, 3, 4, 5])
    assert lines("trial").inside([many])[1] == "running: seed 1; seed 2; seed 3; 2 more"


def test_a_terminal_has_a_bar_and_the_work_inside_below_it(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(inside, "OFTEN", 0.0)
    with progress.shown(4, False, "cycle") as report:
        report(1, "pruned")
        for step in inside.counted("iteration", range(2), 2):
            if step == 1:
                assert report.bar.tasks[0].completed == 1.5
                assert report.below == "iteration 1/2"
    assert "pruned" in capsys.readouterr().out
