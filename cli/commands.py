"""The command `nets-deap` and its commands. An error is shown as one line."""

from __future__ import annotations

import errno
import importlib
import signal
import warnings
from typing import Any

import click

from nets_deap import __version__
from nets_deap.util import interrupts, memory, waiting
from nets_deap.util.errors import LONGEST, NetsError, NetsWarning, shortened, unknown

from . import journal
from .options import dashed, printable

# name -> its module, which is imported only when needed, and its line in the list of commands
COMMANDS = {
    "evolve": ("evolve", "Evolve a ticket: initial weights and a mask."),
    "search": ("search", "Look for a ticket by any method."),
    "imp": ("search", "Iterative magnitude pruning with rewinding."),
    "random": ("search", "Draw a random ticket."),
    "weedout": ("search", "Random search over units and channels."),
    "es": ("search", "Iterative pruning with an evolution strategy."),
    "train": ("train", "Train a ticket to the end."),
    "verify": ("verify", "Is a ticket a winning one?"),
    "transfer": ("transfer", "Train a ticket by another optimiser or on other data."),
    "connectivity": ("transfer", "Is there a barrier between two trainings?"),
    "compare": ("compare", "Compare search methods on paired seeds."),
    "merge": ("merge", "Join the shards of a comparison."),
    "table1": ("table1", "Make Table 1 of the NeTS paper."),
    "plot": ("plot", "Draw what a folder holds."),
    "report": ("report", "Write a page on what folders hold."),
    "info": ("info", "Show what a ticket or a folder holds."),
    "runs": ("runs", "List the runs in a folder."),
    "watch": ("watch", "Follow a run from another terminal."),
    "export": ("export", "Write a ticket for plain PyTorch."),
    "doctor": ("doctor", "Check what this machine gives, and how fast it is."),
}
EARLIER = {"figures": "plot"}  # names of commands


class Commands(click.Group):
    """The commands, each imported only when it is called, so that `nets-deap --help` is instant."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f".{COMMANDS[name][0]}", __package__)
        command: click.Command = getattr(module, name)
        return command

    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if arguments[0] in EARLIER:
            click.echo(f"note: {arguments[0]} is now {EARLIER[arguments[0]]}", err=True)
            arguments = [EARLIER[arguments[0]], *arguments[1:]]
        if arguments[0] not in COMMANDS and not arguments[0].startswith("-"):
            raise unknown("command", arguments[0], COMMANDS)
        return super().resolve_command(context, arguments)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, says) for name, (_, says) in COMMANDS.items()])


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    invoke_without_command=True,
    no_args_is_help=True,
)
@click.option("--version", is_flag=True, help="Show the version, and end.")
@click.option("--verbose", is_flag=True, help="With --version: what trains networks here, too.")
@click.pass_context
def cli(context: click.Context, version: bool, verbose: bool) -> None:
    """Find lottery tickets: sparse initialisations that train as well as the dense network."""
    if version:
        click.echo(f"nets-deap {__version__}")
        if verbose:
            _tell_versions()
    elif context.invoked_subcommand is None:
        raise click.UsageError("--verbose goes with --version, or say a command: nets-deap --help lists them")
    if version:
        context.exit()


def _tell_versions() -> None:
    """Print the versions on which results may depend."""
    import platform
    from importlib.metadata import version

    from nets_deap.networks.kernels import library

    told = library.best_variant() if library.available() else ""
    click.echo(f"kernels: {f'compiled, {told}' if told else 'none, torch trains (no C compiler was found)'}")
    click.echo(f"python:  {platform.python_version()}")
    for name in ("torch", "numpy", "deap"):
        click.echo(f"{name + ':':8} {version(name)}")


def _show_warnings() -> None:
    """Show the library's warnings as one line on stderr, and leave those of others as they are."""
    others = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if issubclass(category, NetsWarning):
            journal.LOG.warning("%s", message, extra=journal.SHOWN)
            click.echo(f"Warning: {printable(dashed(str(message)))}", err=True)
        else:
            others(message, category, *place, **more)

    warnings.simplefilter("always", NetsWarning)
    warnings.showwarning = show


def run(words: list[str]) -> int:
    """Run a command, and return its exit code. Raises KeyboardInterrupt if it is interrupted."""
    _show_warnings()
    waiting.silent = not {"-q", "--quiet"}.isdisjoint(words)
    with journal.kept(words):
        return _run(words)


def _run(words: list[str]) -> int:
    try:
        code = int(cli.main(list(words), "nets-deap", standalone_mode=False, obj=list(words)) or 0)
        if came := interrupts.seen():
            journal.LOG.info("interrupted by %s", signal.Signals(came[0]).name)
        elif code:
            journal.LOG.info("exit code %d", code)
        return code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 2
    except click.Abort:
        raise KeyboardInterrupt from None
    except Exception as error:
        interrupts.check()  # an import may make another error of an interrupt
        message = _told(error, words)
        if not message:
            raise
        journal.LOG.error("%s", message, exc_info=True, extra=journal.SHOWN)
        click.echo(f"Error: {printable(shortened(' '.join(message.split()), LONGEST))}", err=True)
        return 2


def _told(error: Exception, words: list[str]) -> str:  # noqa: PLR0911 (a table of kinds)
    """An error in words; "" for one that nobody expects."""
    match error:
        case click.ClickException():
            return error.format_message()
        case NetsError():
            return dashed(str(error), _options_of(words[:1]))
        case ImportError():
            reason = shortened(str(error.__cause__ or error), 150)
            return (
                f"cannot load {error.name or 'a library'}: {reason}: is it installed, and is memory limited?"
            )
        case OSError(errno=errno.EAGAIN):
            return "cannot start another process or thread: their number is limited (ulimit -u)"
        case OSError():
            return f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)
        case MemoryError() | RuntimeError() if memory.ran_out(error):
            return dashed(f"out of memory: {memory.SMALLER}", _options_of(words[:1]))
        case RuntimeError() if "can't start new thread" in str(error):
            return f"{error}: the number of processes is limited (ulimit -u)"
    return ""


def _options_of(words: list[str]) -> list[str] | None:
    """The names of the options of the command that was typed."""
    command = cli.get_command(click.Context(cli), words[0]) if words else None
    return [str(one.name) for one in command.params] if command else None
