"""Figures of a folder: of a run, a training, a comparison, a verdict, or a line between trainings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from nets_deap.config.run_folder import TICKET
from nets_deap.figures import comparison, connectivity, curves, tickets, verdict
from nets_deap.figures.style import FORMATS, save
from nets_deap.problem.ticket import load_ticket
from nets_deap.util import digests, files, tables
from nets_deap.util.errors import NetsError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot(place: Path | str) -> dict[str, Figure]:
    """All figures of a folder, or that of a ticket's file, by their names; `figure.axes` has their axes.

    Raises NetsError for a folder with nothing to draw, or for tables that lack columns.
    """
    place = Path(place)
    recipes = (
        {place: RECIPES[TICKET]} if place.is_file() else {place / name: RECIPES[name] for name in RECIPES}
    )
    figures: dict[str, Figure] = {}
    for path, named in recipes.items():
        if not path.exists():
            continue
        for name, recipe in named.items():
            try:
                figure = recipe(path)
            except (LookupError, TypeError, ValueError, ArithmeticError) as error:
                raise NetsError(f"{path} lacks columns that it should have ({error})") from error
            if figure is not None:
                figures[name] = figure
    if not figures:
        raise NetsError(f"{place} holds nothing to draw: expected one of {', '.join(RECIPES)}")
    return figures


def draw(place: Path, out: Path, formats: Sequence[str] = FORMATS) -> dict[str, list[Path]]:
    """Write all figures of a folder, or of a ticket's file, into `out`; name -> files. Raises as `plot`."""
    figures = plot(place)
    with files.claimed_folder(out):
        return {name: save(figure, out, name, formats) for name, figure in figures.items()}


def _rows(path: Path) -> list[tables.Row]:
    return tables.parse(digests.read_text(path), path)


def _table(path: Path) -> pd.DataFrame:
    return pd.DataFrame(_rows(path))


def _evolution(path: Path) -> Figure | None:
    rows = _table(path)
    if "gen" not in rows or "fitness_min" not in rows:
        return None  # cycles of IMP or an ES, or a search in node space
    rows = rows[rows["fitness_min"].notna()]
    if "method" not in rows:  # one run
        return curves.evolution(rows.assign(method="", seed=0), {"": ""})
    return curves.evolution(rows, {name: name for name in rows["method"].unique()})


def _training(path: Path) -> Figure | None:
    rows = _table(path)
    if "method" in rows:  # a comparison's
        return curves.training(rows, {name: name for name in rows["method"].unique()})
    told = [rows.assign(method="ticket", seed=0)]
    if (beside := path.with_name("random.csv")).exists():
        random = _table(beside)
        told.append(random.assign(method="random", seed=random["ticket"]))
    names = {"ticket": "ticket", "random": "random tickets"}
    return curves.training(pd.concat(told), {name: names[name] for name in list(names)[: len(told)]})


def _ticket(path: Path) -> Figure:
    return tickets.portrait(tickets.describe({"": load_ticket(path)}))


# File in a folder -> the figures drawn from it; a recipe returns None if the file is of another kind
RECIPES: dict[str, dict[str, Callable[[Path], Figure | None]]] = {
    "logbook.csv": {"evolution": _evolution},
    TICKET: {"ticket": _ticket},
    "front.csv": {"front": lambda path: comparison.front(_table(path))},
    "training.csv": {"training": _training},
    "summary.csv": {
        "error-density": lambda path: comparison.error_against_density(_table(path)),
        "error-budget": lambda path: comparison.error_against_budget(_table(path)),
    },
    "logbooks.csv": {"evolution": _evolution},
    "verify.csv": {"verdict": lambda path: verdict.accuracies(_table(path))},
    "connectivity.csv": {"connectivity": lambda path: connectivity.connectivity({"": _rows(path)})},
}
