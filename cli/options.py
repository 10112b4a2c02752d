"""Options made from the fields of a config. None means "not given": the config then decides."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import types
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, Union, get_args, get_origin

import click

from . import journal, json_out
from .completion import Text
from .help import OTHERS, Command, help_all

if TYPE_CHECKING:
    from nets_deap.config.base import ProblemConfig

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

ENVIRONMENT = {"data_dir": "NETS_DATA_DIR"}  # fields that an environment variable can set
# Fields that a command on a ticket takes from the run that found the ticket
OF_THE_TICKET = (
    "dataset",
    "data_dir",
    "validation",
    "split_seed",
    "arch",
    "init",
    "prunable",
    "loss",
    "metric",
    "optimizer",
    "lr",
    "batch_size",
    "augment",
    "data_limit",
    "seed",
)


def spelt(field: str) -> str:
    """The option for a field, without its dashes: one name for one thing in all commands."""
    from nets_deap.config.layers import DENSITY

    return DENSITY[0] if field in DENSITY else field.replace("_", "-")


def dashed(text: str, known: Collection[str] | None = None) -> str:
    """Rewrite the library's names of fields, such as `data_dir`, as options: --data-dir.

    known: the fields that are options here, and the others keep their names; None: all are
    """

    def shown(found: re.Match[str]) -> str:
        return f"--{spelt(found[1])}" if known is None or found[1] in known else found[1]

    return re.sub(r"`([a-z][a-z0-9_]*)`", shown, text)


def printable(text: object) -> str:
    """Text from a file, as it can be shown: what would move the cursor or colour a terminal is escaped."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in str(text)
    )


def joined(words: Iterable[object]) -> str:
    """Words as they can be copied into a shell, which on Windows knows double quotes only."""
    texts = list(map(str, words))
    return subprocess.list2cmdline(texts) if os.name == "nt" else shlex.join(texts)


def quoted(path: object) -> str:
    """A path as it can be copied into a shell, unless it has characters that cannot be shown."""
    return printable(joined([path]))


def worded(error: object) -> str:
    """An error of the library's, for whoever has typed the command that is running."""
    context = click.get_current_context(silent=True)
    text = printable(error)
    return dashed(text, [str(one.name) for one in context.command.params] if context else None)


class Option(click.Option):
    """group: its heading in the help; common: shown by --help, not only by --help-all"""

    def __init__(self, *names: Any, group: str = OTHERS, common: bool = True, **arguments: Any) -> None:
        super().__init__(*names, **arguments)
        self.group, self.common = group, common


def command(**arguments: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """`click.command` with the option --help-all; the shell completes what is text."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        function = click.option(
            "--help-all", is_flag=True, expose_value=False, is_eager=True, callback=help_all,
            help="Show every option, and end.",
        )(function)  # fmt: skip
        made: click.Command = click.command(cls=Command, **arguments)(function)
        for parameter in made.params:
            if parameter.type is click.STRING:
                parameter.type = Text()
        return made

    return decorate


def option(*names: str, group: str = OTHERS, common: bool = True, **arguments: Any) -> Callable[[Any], Any]:
    """An option that is not a field of a config; None if it is not given, unless it is required."""
    default = {} if arguments.get("required") else {"default": None}
    return click.option(*names, cls=Option, group=group, common=common, **default, **arguments)


def combined(*options: Callable[[Any], Any]) -> Callable[[Decorated], Decorated]:
    """Several options as one decorator, in the order they are listed."""

    def decorate(function: Decorated) -> Decorated:
        for each in reversed(options):
            function = each(function)
        return function

    return decorate


def config_options(
    kind: type[ProblemConfig],
    without: Collection[str] = (),
    rare: Collection[str] = (),
    out: str = "",
    **defaults: Any,
) -> Callable[[Decorated], Decorated]:
    """An option for each field of a config, in their order.

    without: fields that get no option; rare: fields that only --help-all shows here
    out: the help of --out; that of the field unless given
    defaults: default values to show in place of the config's own
    """
    from nets_deap.config.presets import dataset_defaults

    defaults = dataset_defaults(kind.command, "digits") | defaults
    made = []
    for name, field in kind.model_fields.items():
        if name in without or not isinstance(field.json_schema_extra, dict):
            continue
        told = field.json_schema_extra
        says = out if out and name == "out" else dashed(field.description or "")
        default = defaults.get(name, field.default)
        if kind.command == "train" and name in OF_THE_TICKET:
            says, default = re.sub(r" \[.*\]$", "", says), None
        if not (says.endswith(("]", ",")) or default is None or default == "" or isinstance(default, bool)):
            says += f" [{','.join(map(str, default)) if isinstance(default, list) else default}]"
        made.append(_made(name, _kind(field.annotation), says, told, name not in rare))
    return combined(*made)


def _made(name: str, kind: type, says: str, told: dict[str, Any], common: bool) -> Callable[[Any], Any]:
    from nets_deap.config.layers import ALIASES

    dash = spelt(name)
    group, common = str(told["group"]), bool(told["common"]) and common
    if kind is bool:
        return option(f"--{dash}/--no-{dash}", name, help=says, group=group, common=common)
    return option(
        f"--{dash}",
        *(f"--{alias}" for alias, field in ALIASES.items() if field == name),
        name,
        type=Number() if kind is float else kind,
        help=says,
        metavar=str(told["metavar"] or kind.__name__.upper()),
        envvar=ENVIRONMENT.get(name),
        group=group,
        common=common,
    )


class Number(click.types.FloatParamType):
    """A number; for one in per cent it says how to write it."""

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        if isinstance(value, str) and value.strip().endswith("%"):
            with suppress(ValueError):
                self.fail(f"'{value}': write {float(value.strip()[:-1]) / 100:g}", parameter, context)
        return super().convert(value, parameter, context)


def _kind(annotation: Any) -> type:
    """The type that click converts text to: bool, int, float, or str, which the config then parses."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _kind(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return _kind(next(argument for argument in get_args(annotation) if argument is not types.NoneType))
    return annotation if annotation in (bool, int, float) else str


def source_options(presets: str) -> Callable[[Decorated], Decorated]:
    """The options for other sources of settings: --preset and --config."""
    return combined(
        option("--preset", metavar="NAME", help=f"{presets}; options override it.", group="output"),
        option(
            "--config",
            metavar="FILE",
            help="A TOML file of options, or a run's config.json; options override it.",
            group="output",
        ),
        option(
            "--trust",
            is_flag=True,
            help="Run code that a config or a ticket names, such as a fitness or a model: for your own.",
            group="running",
            common=False,
        ),
    )


fresh_option = click.option(
    "--fresh",
    is_flag=True,
    cls=Option,
    help="Begin anew; an earlier run in the folder is renamed.",
    group="running",
)
output_options = combined(
    journal.verbose_option,
    click.option(
        "-q", "--quiet", is_flag=True, cls=Option, help="No progress and no summary.", group="output"
    ),
    click.option(
        "--json",
        "as_json",
        is_flag=True,
        cls=Option,
        callback=json_out.aside,
        help="The result as one JSON object, and nothing else.",
        group="output",
    ),
)
