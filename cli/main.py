"""The command `nets-deap`, and how its errors look: one line, exit code 2."""

from __future__ import annotations

import os
import sys

import click

from nets_deap import __version__
from nets_deap.util.errors import NetsError

from .compare import compare
from .evolve import evolve
from .export import export
from .figures import figures
from .info import info
from .options import dashed
from .search import es, imp, random, search, weedout
from .table1 import table1
from .train import train
from .transfer import connectivity, transfer
from .verify import verify


@click.group(
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
    """What a result may depend on."""
    import platform
    from importlib.metadata import version

    from nets_deap.networks.kernels import library

    told = library.best_variant() if library.available() else ""
    click.echo(f"kernels: {f'compiled, {told}' if told else 'none, torch trains (no C compiler was found)'}")
    click.echo(f"python:  {platform.python_version()}")
    for name in ("torch", "numpy", "deap"):
        click.echo(f"{name + ':':8} {version(name)}")


searches = (evolve, search, imp, random, weedout, es)
judges = (train, verify, transfer, connectivity, compare, table1)
for command in (*searches, *judges, figures, info, export):
    cli.add_command(command)


def main() -> None:
    """Entry point. Exit codes: 0 done, 2 bad input (one line on stderr), 130 interrupted."""
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115 (closed by whoever started us)
    try:
        sys.exit(cli.main(standalone_mode=False))
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(2)
    except click.ClickException as error:
        _fail(error.format_message())
    except NetsError as error:
        _fail(dashed(str(error)))
    except OSError as error:
        _fail(str(error))
    except MemoryError:
        _fail("out of memory: try a smaller population, batch or network")
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(130)


def _fail(message: str) -> None:
    click.echo(f"Error: {' '.join(message.split())}", err=True)
    sys.exit(2)


if __name__ == "__main__":
    main()
