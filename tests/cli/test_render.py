from __future__ import annotations

import sys

import click
import pytest
from nets_deap_cli import render

HEADERS = ["method", "test acc, %", "difference"]
ROWS = [
    ["imp:epochs=3", "98.04 ± 0.19", ""],
    ["nets:pop=4," + 30 * "x", "97.94 ± 0.11\n95.0", "-0.10 ± 0.30"],
]


@pytest.mark.parametrize(("columns", "lost"), [(42, True), (50, True), (80, False), (200, False)])
def test_a_narrow_terminal_loses_columns_and_breaks_no_figure(
    columns: int, lost: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    for name, value in {"TERM": "xterm", "NO_COLOR": "1", "COLUMNS": str(columns)}.items():
        monkeypatch.setenv(name, value)
    render.table(HEADERS, ROWS)
    out = click.unstyle(capsys.readouterr().out)
    assert ("too narrow a terminal for: difference" in out) == lost
    assert ("-0.10 ± 0.30" in out) != lost
    assert "98.04 ± 0.19" in out
    assert max(map(len, out.splitlines())) <= columns


def test_piped_it_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [*ROWS, ["nets:" + 300 * "x", "97.90 ± 0.20", "-0.20 ± 0.30"]]
    render.table(HEADERS, rows)
    out = capsys.readouterr().out
    assert all(text in out for row in rows for cell in row for text in cell.split("\n"))
