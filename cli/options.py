"""Options made from the fields of a config. None means "not given": the config then decides."""

from __future__ import annotations

import re
import shlex
import types
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, Union, get_args, get_origin

import click

from nets_deap.util.errors import nearest

from . import journal, json_out

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
MANY = 10  # a command with more options than this trains the ticket
OTHERS = "other"  # the heading of options without a group


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


def quoted(path: object) -> str:
    """A path as it can be copied into a shell, unless it has characters that cannot be shown."""
    return printable(shlex.quote(str(path)))


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


# Arguments that users look for as options -> where they are
ELSEWHERE = {
    "momentum": "--optimizer sgd:momentum=0.9",
    "weight-decay": "--optimizer sgd:weight_decay=5e-4",
    "nesterov": "--optimizer sgd:momentum=0.9,nesterov=yes",
    "betas": "--optimizer adam:betas=…",
    "warmup": "--schedule cosine:warmup=…",
}


class Command(click.Command):
    """A command whose help has headings, and leaves out rare options."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Earlier names of options work, with a note; for an unknown one it says what is near."""
        try:
            words = [self._renamed(word) for word in args]
            if words != args and sum(word.partition("=")[0] == "--density" for word in words) > 1:
                raise click.UsageError("--density is given twice, by an earlier name too: give it once")
            return super().parse_args(context, words)
        except click.NoSuchOption as error:
            name = error.option_name.lstrip("-")
            names = [each[2:] for one in self.params for each in (*one.opts, *one.secondary_opts)]
            near = nearest(name, [*names, *ELSEWHERE])
            meant = ELSEWHERE.get(near, f"--{near}") if near else ""
            hint = f"did you mean {meant}?" if meant else f"nets-deap {self.name} --help-all lists them"
            raise click.UsageError(f"no option {error.option_name}: {hint}") from None

    def _renamed(self, word: str) -> str:
        from nets_deap.config.layers import DENSITY

        name, equals, value = word.partition("=")
        field = name[2:].replace("-", "_")
        if name[:2] != "--" or field not in DENSITY[1:] or not {one.name for one in self.params} & {*DENSITY}:
            return word
        click.echo(f"note: {name} is now --{DENSITY[0]}", err=True)
        return f"--{DENSITY[0]}{equals}{value}"

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        from nets_deap.config.fields import GROUPS

        everything = context.meta.get("help-all", False)
        options = [p for p in self.get_params(context) if isinstance(p, click.Option) and not p.hidden]
        left_out = 0
        for group in (*GROUPS, OTHERS):
            rows = []
            for option in options:
                if getattr(option, "group", OTHERS) != group:
                    continue
                if getattr(option, "common", True) or everything:
                    rows.append(option.get_help_record(context))
                else:
                    left_out += 1
            if shown := [row for row in rows if row]:
                with formatter.section(group.capitalize()):
                    formatter.write_dl(shown)
        if any("[" in (option.help or "") for option in options):
            formatter.write_paragraph()
            depends = any(option.name == "dataset" for option in options)
            more = "; where it depends on the data set, that for digits" if depends else ""
            formatter.write_text(f"[…] is the default{more}.")
        if any(argument.name == "ticket" for argument in self.params) and len(options) > MANY:
            formatter.write_paragraph()
            formatter.write_text(
                "Settings that are not given are those of the run that has found the ticket."
            )
        if left_out:
            formatter.write_paragraph()
            formatter.write_text(f"{left_out} more options: nets-deap {self.name} --help-all")


def _help_all(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        context.meta["help-all"] = True
        click.echo(context.get_help())
        context.exit()


def command(**arguments: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """`click.command` with the option --help-all."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        function = click.option(
            "--help-all", is_flag=True, expose_value=False, is_eager=True, callback=_help_all,
            help="Show every option, and end.",
        )(function)  # fmt: skip
        made: click.Command = click.command(cls=Command, **arguments)(function)
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
        type=kind,
        help=says,
        metavar=str(told["metavar"] or kind.__name__.upper()),
        envvar=ENVIRONMENT.get(name),
        group=group,
        common=common,
    )


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
    click.option("--quiet", is_flag=True, cls=Option, help="No progress and no summary.", group="output"),
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
