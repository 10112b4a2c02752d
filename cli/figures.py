"""`nets-deap figures`: the NeTS paper's three figures, and our own."""

from __future__ import annotations

from pathlib import Path

import click

from .options import command, option
from .tickets import file_of


@command()
@click.option(
    "--table1", "table1", default="results/table1/mnist", metavar="DIR", help="[results/table1/mnist]"
)
@click.option("--compare", "compared", default="results/lth", metavar="DIR", help="[results/lth]")
@click.option("--pictures", "described", default="results/pictures", metavar="DIR", help="[results/pictures]")
@click.option("--search", default="results/search", metavar="DIR", help="[results/search]")
@click.option("--weedout", default="results/weedout", metavar="DIR", help="[results/weedout]")
@click.option("--es", default="results/es", metavar="DIR", help="[results/es]")
@click.option("--connectivity", default="results/connectivity", metavar="DIR", help="[results/connectivity]")
@click.option("--out", default="paper/figures", metavar="DIR", help="[paper/figures]")
@option(
    "--ticket",
    "tickets",
    multiple=True,
    metavar="NAME=PATH",
    help="A ticket to describe in --pictures first.",
)
def figures(
    table1: str,
    compared: str,
    described: str,
    search: str,
    weedout: str,
    es: str,
    connectivity: str,
    out: str,
    tickets: tuple[str, ...],
) -> None:
    """Draw the paper's figures, and our own.

    As PDF and PNG: figure1 (evolution), figure2 (time) and figure3 (training) from --table1, a part of what
    `table1` wrote; error-density from --compare, a comparison's folder; foretell and budget from --search;
    pixels and masks from --pictures, where tickets.csv describes tickets; weedout-…, es-… and connectivity
    from the folders of that name. What is not there is left out and said so.
    """
    from nets_deap.figures import tickets as pictures
    from nets_deap.problem.ticket import load_ticket
    from nets_deap.util import files
    from paper.draw.results import Places, draw_all

    pairs = [text.partition("=") for text in tickets or ()]
    for name, equals, path in pairs:
        if not (name and path):
            raise click.UsageError(f"--ticket {name}{equals}{path}: expected NAME=PATH")
    if pairs:
        rows = pictures.describe({name: load_ticket(file_of(path)) for name, _, path in pairs})
        files.write_text(Path(described) / pictures.TICKETS, rows.to_csv(index=False))
    places = Places(*map(Path, (table1, compared, described, search, weedout, es, connectivity)))
    for name, what in draw_all(places, Path(out)).items():
        click.echo(f"{name}: {what}")
