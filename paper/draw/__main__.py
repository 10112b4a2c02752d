"""`python -m paper.draw`: draw all figures of the report, from results/ into paper/figures/.

`--ticket NAME=PATH` first writes a description of tickets into results/pictures/, so that drawing needs no
tickets.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from nets_deap.figures import tickets
from nets_deap.problem.ticket import load_ticket
from nets_deap.util import files
from paper.draw.results import Places, draw_all


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m paper.draw")
    parser.add_argument("--ticket", action="append", default=[], metavar="NAME=PATH")
    named = [text.partition("=") for text in parser.parse_args().ticket]
    places = Places(Path("results"))
    if named:
        rows = tickets.describe({name: load_ticket(path) for name, _, path in named})
        files.write_text(places.tickets / tickets.TICKETS, rows.to_csv(index=False))
    for name, what in draw_all(places, Path("paper/figures")).items():
        print(f"{name}: {what}")


if __name__ == "__main__":
    main()
