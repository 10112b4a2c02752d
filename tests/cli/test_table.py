from __future__ import annotations

import sys

import click
import pytest
from nets_deap_cli import table

HEADERS = ["method", "test acc, %", "ticket better by", "p", "early stop at", "search steps", "search s"]
ROWS = [
    ["imp:epochs=3", "98.04 ± 0.19", "", "", "1,240", "23,100", "14.2"],
    ["nets:pop=4," + 30 * "x", "97.94 ± 0.11\n95.0", "-0.10 ± 0.30", "0.412", "800", "36,100", "20.1"],
]
SHORT = ["acc, %", "better by", "stop at", "steps"]


def printed(
    columns: int, headers: list[str], rows: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys
) -> str:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    for name, value in {"TERM": "xterm", "NO_COLOR": "1", "COLUMNS": str(columns)}.items():
        monkeypatch.setenv(name, value)
    table.show(headers, rows)
    out = click.unstyle(capsys.readouterr().out)
    assert max(map(len, out.splitlines())) <= columns
    return out


def test_below_its_path_words_of_a_row_are_shortened_before_a_column_goes(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")
    path = "runs/a-path/that-is/far-too-long/to-stand-beside/its-figures/in-a-row"
    row = [path, "97.25", "imp:" + 60 * "x", "3 min"]
    table.show(["folder", "acc, %", "method", "age"], [row], paths=True)
    head, columns, above, below = click.unstyle(capsys.readouterr().out).splitlines()
    assert (head, above) == ("folder", path)
    assert below == f"   97.25  {'imp:' + 38 * 'x'}…  3 min"
    assert len(below) == len(columns) == 60


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_no_number_is_broken_and_the_accuracy_is_always_there(columns: int, monkeypatch, capsys) -> None:
    out = printed(columns, HEADERS, ROWS, monkeypatch, capsys)
    left_out = " ".join(out.partition("too narrow a terminal for: ")[2].split()).split(", ")
    for header, *cells in zip(HEADERS[1:], *(row[1:] for row in ROWS), strict=True):
        shown = all(part in out for cell in cells for part in cell.split("\n"))
        assert shown != (header in left_out), header
    assert "98.04 ± 0.19" in out
    assert (columns == 60) == (left_out != [""])


def test_headings_are_shortened_before_columns_are_left_out(monkeypatch, capsys) -> None:
    wide, narrower = (printed(columns, HEADERS, ROWS, monkeypatch, capsys) for columns in (120, 80))
    assert all(header in wide for header in HEADERS)
    assert all(header in narrower for header in SHORT)
    assert "20.1" in narrower
    assert "too narrow" not in wide + narrower


def test_a_terminal_of_less_than_sixty_columns_shows_a_list(monkeypatch, capsys) -> None:
    out = printed(
        40,
        HEADERS[:3],
        [["imp", "98.04 ± 0.19", "+0.10 ± 0.20"], ["a" * 50, "1\n2", ""]],
        monkeypatch,
        capsys,
    )
    assert out.splitlines() == [
        "imp",
        "  acc, %     98.04 ± 0.19",
        "  better by  +0.10 ± 0.20",
        "a" * 40,
        "a" * 10,
        "  acc, %     1",
        "             2",
    ]  # fmt: skip


def test_a_table_that_fits_stays_a_table(monkeypatch, capsys) -> None:
    out = printed(40, ["layer", "density"], [["fc1", "5.00 %"]], monkeypatch, capsys)
    assert out.split() == ["layer", "density", *out.split()[2:-3], "fc1", "5.00", "%"]


def test_piped_it_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [*ROWS, ["nets:" + 300 * "x", *ROWS[0][1:]]]
    table.show(HEADERS, rows)
    out = capsys.readouterr().out
    assert all(header in out for header in HEADERS)
    assert all(text in out for row in rows for cell in row for text in cell.split("\n"))


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_a_path_stands_on_one_line_so_that_it_can_be_copied(columns: int, monkeypatch, capsys) -> None:
    path = "'runs/a folder with many blanks in its name/and another'"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    headers = ["folder", "acc, %", "state", "method", "data"]
    table.show(headers, [[path, "97.50", "finished", "nets", "digits"], ["b", "1.0", "", "", ""]], paths=True)
    lines = click.unstyle(capsys.readouterr().out).splitlines()
    at = next(i for i, line in enumerate(lines) if path in line)
    assert "97.50" in lines[at if columns == 120 else at + 1]
    assert all(len(line) <= columns for line in lines if path not in line)
    if columns in (60, 80):
        assert lines[:2] == ["folder", "  acc, %     state  method    data"]
        assert lines[at + 1] == "   97.50  finished    nets  digits"


@pytest.mark.parametrize("columns", [40, 120])
def test_sentences_are_wrapped(columns: int, monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    sentence = "early stop: where the validation loss is least; test figures are taken there"
    table.say(sentence)
    out = capsys.readouterr().out
    assert " ".join(out.split()) == sentence
    assert len(out.splitlines()) == (1 if columns == 120 else 2)
