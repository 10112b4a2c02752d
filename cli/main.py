"""The command `nets-deap`. It shows an error as one line, with exit code 2."""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from typing import Any

import click

from nets_deap import __version__
from nets_deap.util import memory
from nets_deap.util.errors import NetsError, NetsWarning, shortened, unknown

from .options import dashed

LONGEST = 290  # characters of a message
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
    "table1": ("table1", "Make Table 1 of the NeTS paper."),
    "figures": ("figures", "Draw what a folder holds."),
    "info": ("info", "Show what a ticket or a folder holds."),
    "export": ("export", "Write a ticket for plain PyTorch."),
}


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


def main() -> None:
    """Entry point. Exit codes: 0 done, 2 bad input (one line on stderr), 130 interrupted."""
    _show_warnings()
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115 (closed by whoever started us)
    try:
        sys.exit(cli.main(standalone_mode=False))
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(2)
    except click.ClickException as error:
        _fail(error.format_message())
    except NetsError as error:
        _fail(dashed(str(error), _options_of(sys.argv[1:2])))
    except OSError as error:
        _fail(str(error))
    except (MemoryError, RuntimeError) as error:
        if not memory.ran_out(error):
            raise
        _fail(f"out of memory: {dashed(memory.SMALLER, _options_of(sys.argv[1:2]))}")
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(130)


def _show_warnings() -> None:
    """Show the library's warnings as one line on stderr, and leave those of others as they are."""
    others = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if issubclass(category, NetsWarning):
            click.echo(f"Warning: {dashed(str(message))}", err=True)
        else:
            others(message, category, *place, **more)

    warnings.simplefilter("always", NetsWarning)
    warnings.showwarning = show


def _options_of(words: list[str]) -> list[str] | None:
    """The names of the options of the command that was typed."""
    command = cli.get_command(click.Context(cli), words[0]) if words else None
    return [str(one.name) for one in command.params] if command else None


def _fail(message: str) -> None:
    click.echo(f"Error: {shortened(' '.join(message.split()), LONGEST)}", err=True)
    sys.exit(2)


if __name__ == "__main__":
    main()
