"""`nets-deap figures`: the NeTS paper's three figures, and two of our own."""

from __future__ import annotations

from pathlib import Path

import click

from .options import option
from .tickets import file_of


@click.command()
@click.option(
    "--table1", "table1", default="results/table1/mnist", metavar="DIR", help="[results/table1/mnist]"
)
@click.option("--compare", "compared", default="results/lth", metavar="DIR", help="[results/lth]")
@click.option("--out", default="paper/figures", metavar="DIR", help="[paper/figures]")
@option(
    "--ticket", "tickets", multiple=True, metavar="NAME=PATH", help="Also draw tickets: pixels and masks."
)
def figures(table1: str, compared: str, out: str, tickets: tuple[str, ...]) -> None:
    """Draw the paper's figures, and our own.

    From the trials of `table1` and of a comparison, as PDF and PNG.

    figure1 (evolution), figure2 (time) and figure3 (training) come from --table1, accuracy-density from
    --compare; what is not there is left out and said so. --ticket also draws pixels and masks.
    """
    from nets_deap import plots
    from nets_deap.ticket import load_ticket

    drawn = plots.draw_paper(Path(table1), Path(compared), Path(out))
    if tickets:
        pairs = [text.partition("=") for text in tickets]
        for text, (name, _, path) in zip(tickets, pairs, strict=True):
            if not (name and path):
                raise click.UsageError(f"--ticket {text}: expected NAME=PATH")
        loaded = {name: load_ticket(file_of(path)) for name, _, path in pairs}
        drawn |= plots.draw_tickets(loaded, Path(out))
    for name, what in drawn.items():
        click.echo(f"{name}: {what}")
