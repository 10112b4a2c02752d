"""`nets-deap report PATH…`: one page on what folders hold."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from .options import command, option, printable, quoted


@command()
@click.argument("paths", metavar="PATH…", nargs=-1, required=True)
@option("--out", metavar="FILE", help="The page. [report.html in the first folder]", group="output")
@click.option("--open", "opens", is_flag=True, help="Open it in the browser, too.")
def report(paths: tuple[str, ...], out: str | None, opens: bool) -> None:
    """Write a page on what each PATH holds.

    A PATH is the folder of an evolution, another search, a training, a comparison or a verdict; several are
    shown side by side. The page is one HTML file, which opens from disk and needs no network. That of a run
    also shows the trainings and verdicts of its ticket that are inside its folder.
    """
    from nets_deap.report.page import write

    page = Path(out) if out else Path(paths[0]) / "report.html"
    write([Path(path) for path in paths], page, _repeated)
    click.echo(f"report: {printable(page)}")
    if opens:
        click.launch(str(page))


def _repeated(kind: str, folder: Path, config: Mapping[str, Any]) -> str:
    """The command that repeats what is in a folder."""
    commands = {
        "evolution": "evolve",
        "search": f"search {quoted(config.get('method', 'METHOD'))}",
        "training": "train TICKET",
        "comparison": "compare",
        "verdict": "verify TICKET",
    }
    return f"nets-deap {commands[kind]} --config {quoted(folder / 'config.json')}"
