"""Figures of a folder: of a run, a training, a comparison, an experiment on a ticket; or of a ticket."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from nets_deap.config.measured import measure_in
from nets_deap.config.run_folder import CONFIG, TICKET
from nets_deap.figures import comparison, connectivity, curves, tickets, verdict
from nets_deap.figures.style import FORMATS, save
from nets_deap.models.measure import Measure
from nets_deap.problem.ticket import load_ticket
from nets_deap.util import digests, files, tables
from nets_deap.util.errors import DamagedError, NetsError

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
    measure = _measure(place)
    for path, named in recipes.items():
        if not path.exists():
            continue
        for name, recipe in named.items():
            try:
                figure = recipe(path, measure)
            except (LookupError, TypeError, ValueError, ArithmeticError) as error:
                raise NetsError(f"{path} lacks columns of numbers that it should have ({error})") from error
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


def _measure(place: Path) -> Measure:
    """What the results in a folder are measured in."""
    told: object = {}
    with suppress(DamagedError):  # there is more to draw than what the config tells
        told = files.read_json(place / CONFIG) if (place / CONFIG).is_file() else {}
    return measure_in(place, told if isinstance(told, dict) else {})


def _rows(path: Path) -> list[tables.Row]:
    return tables.parse(digests.read_text(path), path)


def _table(path: Path) -> pd.DataFrame:
    return pd.DataFrame(_rows(path))


def _named(rows: pd.DataFrame, method: str = "") -> tuple[pd.DataFrame, dict[str, str]]:
    """Rows with the name of a line to draw in their column method, and its label: one line of a run, of a
    comparison one for each method and density."""
    if "method" not in rows:
        return rows.assign(method=method, seed=0), {method: method}
    if rows["asked"].nunique() > 1:
        pairs = zip(rows["method"], rows["asked"], strict=True)
        rows = rows.assign(method=[f"{name}, {100 * asked:g} %" for name, asked in pairs])
    return rows, {name: name for name in rows["method"].unique()}


def _evolution(path: Path, measure: Measure) -> Figure | None:
    rows = _table(path)
    if not _evolves(rows):
        return None
    return curves.evolution(*_named(rows[rows["fitness_min"].notna()]), measure)


def _search(path: Path, measure: Measure) -> Figure | None:
    """Of searches that are no evolution: cycles of IMP or an ES, a search in node space, learned masks."""
    rows = _table(path)
    rows = rows[rows["fitness_min"].isna()] if _evolves(rows) else rows
    if "cycle" in rows and "method" in rows:
        rows = rows[rows["cycle"].notna()]  # cycles do not share an axis with what others count
    return curves.search(*_named(rows), measure) if len(rows) else None


def _evolves(rows: pd.DataFrame) -> bool:
    return "gen" in rows and "fitness_min" in rows


def _training(path: Path, measure: Measure) -> Figure | None:
    rows, names = _named(_table(path), "ticket")
    if (beside := path.with_name("random.csv")).exists():
        random = _table(beside)
        rows = pd.concat([rows, random.assign(method="random", seed=random["ticket"])])
        names["random"] = "random tickets"
    return curves.training(rows, names, measure)


def _ticket(path: Path, _: Measure) -> Figure:
    return tickets.portrait(tickets.describe({"": load_ticket(path)}))


# File in a folder -> the figures drawn from it; a recipe returns None if the file is of another kind
RECIPES: dict[str, dict[str, Callable[[Path, Measure], Figure | None]]] = {
    "logbook.csv": {"evolution": _evolution, "search": _search},
    TICKET: {"ticket": _ticket},
    "front.csv": {"front": lambda path, _: comparison.front(_table(path))},
    "training.csv": {"training": _training},
    "summary.csv": {
        "error-density": lambda path, measure: comparison.error_against_density(_table(path), measure),
        "error-budget": lambda path, measure: comparison.error_against_budget(_table(path), measure),
    },
    "logbooks.csv": {"evolution": _evolution, "search": _search},
    "verify.csv": {"verdict": lambda path, measure: verdict.metrics(_table(path), "network", measure)},
    "transfer.csv": {"transfer": lambda path, measure: verdict.metrics(_table(path), "ticket", measure)},
    "connectivity.csv": {
        "connectivity": lambda path, measure: connectivity.connectivity({"": _rows(path)}, measure)
    },
}
