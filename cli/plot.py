"""`nets-deap plot PATH`: draw what a folder or a ticket holds."""

from __future__ import annotations

from pathlib import Path

import click

from . import tickets
from .options import command, option, printable


@command()
@click.argument("path", metavar="PATH")
@option("--out", metavar="DIR", help="Where to. [figures/ in the folder]", group="output")
@option("--format", "formats", metavar="NAME,…", help="pdf, png, svg. [pdf,png]", group="output")
def plot(path: str, out: str | None, formats: str | None) -> None:
    """Draw what PATH holds, a folder or a ticket's file.

    Of a search: its ticket, the masks of the layers and how many weights look at each pixel, and how the
    search went; of an evolution also its front, if it has two objectives. Of a training: loss and metric in
    each epoch. Of a comparison: test error against density and against budget, and with --track-test searches
    and trainings. Of a verdict: the ticket beside its controls; of a transfer, beside the other tickets. Of a
    connectivity: the line. A metric that is no accuracy is drawn as it is.
    """
    from nets_deap.figures.folder import draw
    from nets_deap.figures.style import FORMATS, UNDATED
    from nets_deap.util.errors import unknown

    kinds = formats.split(",") if formats else FORMATS
    for kind in kinds:
        if kind not in UNDATED:
            raise unknown("format", kind, UNDATED)
    place = Path(path)
    if not place.exists():
        raise click.UsageError(f"{place} does not exist: expected a folder of ours, or a ticket")
    beside = place / "drawn" if place.is_dir() else place
    drawn = draw(place, tickets.folder_of(beside, "figures", out), kinds)
    for name, files in drawn.items():
        click.echo(f"{name}: {', '.join(map(printable, files))}")
