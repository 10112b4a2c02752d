"""`nets-deap merge`: join the shards of a comparison."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import json_out, render
from .options import command, option, output_options, quoted

if TYPE_CHECKING:
    from nets_deap.experiments.merge import MissingError


@command()
@click.argument("folders", metavar="FOLDER…", nargs=-1, required=True)
@option("--out", metavar="DIR", required=True, help="The folder to write to.", group="output")
@output_options
def merge(folders: tuple[str, ...], out: str, quiet: bool, as_json: bool) -> None:
    """Join the shards of a comparison, as `nets-deap compare --shard` has left them in FOLDER….

    What is written is what the comparison in one piece would have written, byte for byte, except for times.
    """
    from nets_deap.experiments import merge as library

    start = time.monotonic()
    try:
        merged = library.merge([Path(folder) for folder in folders], Path(out))
    except library.MissingError as error:
        raise click.UsageError(f"{error}: {_command(error)}") from error
    if as_json:
        json_out.tell({"folder": out, "summary": [told.row() for told in merged.summaries()]})
    elif not quiet:
        from .compare import show

        measure = render.measure(merged.config, Path(out), build=False)
        render.tell_metric(measure)
        show(merged, Path(out), time.monotonic() - start, measure)


def _command(error: MissingError) -> str:
    """The command that runs what is missing."""
    from nets_deap.experiments import comparison_folder

    folder = error.folder
    where = f"--shard {error.shard}" if error.shard else f"--out {quoted(folder)}"
    config = quoted(folder / "config.json")
    trust = render.trust(comparison_folder.read_config(folder))
    return f"nets-deap compare --config {config} {where}{trust}"
