"""`nets-deap figures FOLDER`: draw the results in a folder."""

from __future__ import annotations

from pathlib import Path

import click

from . import tickets
from .options import command, option


@command()
@click.argument("folder", metavar="FOLDER")
@option("--out", metavar="DIR", help="Where to. [figures/ in the folder]", group="output")
def figures(folder: str, out: str | None) -> None:
    """Draw what FOLDER holds, as PDF and PNG.

    Of a search: its ticket, the masks of the layers and how many weights look at each pixel; of an evolution
    also density, accuracy and fitness in each generation, and its front, if it has two objectives. Of a
    training: loss and accuracy in each epoch. Of a comparison: test error against density, and with
    --track-test the trainings. Of a verdict: the ticket beside its controls. Of a connectivity: the line.
    """
    from nets_deap.figures.folder import draw

    place = Path(folder)
    if not place.is_dir():
        raise click.UsageError(f"{place} is not a folder: expected that of a run, a comparison or a verdict")
    drawn = draw(place, tickets.folder_of(place / "drawn", "figures", out))
    for name, files in drawn.items():
        click.echo(f"{name}: {', '.join(map(str, files))}")
