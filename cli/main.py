"""The command `nets-deap`, and how its errors look: one line, exit code 2."""

from __future__ import annotations

import os
import sys

import click

from nets_deap import __version__
from nets_deap.errors import NetsError

from .compare import compare
from .evolve import evolve
from .export import export
from .figures import figures
from .info import info
from .search import es, imp, random, search, weedout
from .table1 import table1
from .train import train
from .transfer import connectivity, transfer
from .verify import verify


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="nets-deap")
def cli() -> None:
    """Find lottery tickets: sparse initialisations that train as well as the dense network."""


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
    except (NetsError, OSError) as error:
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
