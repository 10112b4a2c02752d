from __future__ import annotations

import pytest

from nets_deap.util import waiting


@pytest.mark.parametrize("silent", [False, True])
def test_what_takes_a_while_says_so_in_plain_lines_when_piped(
    silent: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter(range(1000))  # a second passes at each look
    monkeypatch.setattr(waiting.time, "monotonic", lambda: float(next(clock)))
    monkeypatch.setattr(waiting, "silent", silent)
    assert list(waiting.counted("loading images", range(20), 20)) == list(range(20))
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == (
        [] if silent else ["loading images: 2 of 20", "loading images: 12 of 20"]
    )


def test_what_is_quick_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(waiting.counted("loading images", iter("abc"), 3)) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")
