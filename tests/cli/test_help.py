"""What `--help` shows is what is recorded in golden/help; `python -m tests.cli.test_help` records it anew."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from nets_deap_cli.commands import COMMANDS, cli
from nets_deap_cli.options import dashed

from nets_deap.config.fields import GROUPS
from nets_deap.config.layers import ALIASES

RECORDED = Path(__file__).parents[1] / "golden" / "help"
MOST = 25  # options that --help shows


def shown(name: str, option: str = "--help") -> str:
    """At 80 columns."""
    return CliRunner().invoke(cli, [name, option], prog_name="nets-deap", terminal_width=80).output


def options(text: str) -> list[str]:
    return re.findall(r"^  (-.*?)(?:  |$)", text, re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_what_is_recorded(name: str) -> None:
    assert shown(name, "--help-all") == (RECORDED / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_few_options_under_headings_and_says_where_the_others_are(name: str) -> None:
    text = shown(name)
    assert len(options(text)) <= MOST
    assert set(options(text)) <= set(options(shown(name, "--help-all")))
    headings = re.findall(r"^([A-Z]\w+):$", text, re.MULTILINE)
    assert headings == [group for group in (*map(str.capitalize, GROUPS), "Other") if group in headings]
    assert ("--help-all\n" in text.splitlines(keepends=True)[-1]) == (text != shown(name, "--help-all"))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_a_line_of_help(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
            assert dashed(parameter.help) == parameter.help, parameter.name


def test_fields_that_errors_of_the_library_name_are_options() -> None:
    commands = [cli.get_command(click.Context(cli), name) for name in COMMANDS]
    known = {parameter.name for command in commands if command for parameter in command.params} | {*ALIASES}
    for path in (Path(__file__).parents[2] / "nets_deap").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and node.exc:
                parts = [text.value for text in ast.walk(node.exc) if isinstance(text, ast.Constant)]
                named = re.findall(r"`(\w+)`", " ".join(part for part in parts if isinstance(part, str)))
                assert set(named) <= known, (path, node.lineno)


if __name__ == "__main__":
    for command in COMMANDS:
        (RECORDED / f"{command}.txt").write_text(shown(command, "--help-all"), encoding="utf-8")
