"""A handful of the random option combinations; `python -m tests.attack.options` runs thousands."""

from __future__ import annotations

from pathlib import Path

import pytest
from nets_deap_cli.commands import COMMANDS

from tests.attack import options


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    options.prepare(folder)
    return folder


@pytest.mark.parametrize("case", list(options.cases(seed=1, count=6)), ids=str)
def test_every_combination_ends_well(case: options.Case, prepared: Path) -> None:
    ended = options.run(case, prepared)
    assert not ended.wrong, ended


def test_cases_are_the_same_each_time_and_cover_every_command() -> None:
    drawn = list(options.cases(seed=0, count=300))
    assert drawn == [*options.cases(0, 150), *options.cases(0, 150, 150)]
    assert len({case.words[0] for case in drawn}) == len(COMMANDS)


def test_what_is_wrong_is_seen() -> None:
    assert options._wrong(1, "", "Traceback (most recent call last):\n  x\nValueError: no", False)
    assert options._wrong(2, "", "Error: a\nError: b\n", False)
    assert options._wrong(2, "", "Error: a\n", left=True)
    assert options._wrong(-9, "", "", False)
    assert options._wrong(None, "", "", False)
    assert options._wrong(0, '{"a": NaN}', "", False)
    assert options._wrong(2, "", f"Error: {'a' * 400}\n", False)
    assert not options._wrong(2, "", "Error: a\n", False)
    assert not options._wrong(0, '{"a": 1}', "Warning: b\n", False)
