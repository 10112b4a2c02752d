"""All figures of the report, from the folders of results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from nets_deap.figures.comparison import error_against_density
from nets_deap.figures.curves import evolution, tracks, training, wall_clock
from nets_deap.figures.style import save
from nets_deap.figures.tickets import TICKETS, input_pixels, masks
from nets_deap.util.errors import NetsError
from paper.draw.experiments import lines, node_space, strategies
from paper.draw.search import against_budget, foretell

if TYPE_CHECKING:
    from matplotlib.figure import Figure


NETS = {
    "nets-paper": "NeTS, 60 %",
    "nets-paper:init_density=0.4": "NeTS, 40 %",
    "nets-paper:init_density=0.3": "NeTS, 30 %",
    "nets-paper:init_density=0.2": "NeTS, 20 %",
}
IMP = {"imp:cycles=7,exact=no": "IMP"}
OTHERS = {"random-paper": "random", "dense": "dense"}


@dataclass(frozen=True)
class Places:
    """The folders of results: two comparisons, the pictures of tickets, and the outputs of scripts."""

    results: Path

    @property
    def table1(self) -> Path:
        return self.results / "table1" / "mnist"

    @property
    def compared(self) -> Path:
        return self.results / "lth"

    @property
    def tickets(self) -> Path:
        return self.results / "pictures"

    @property
    def search(self) -> Path:
        return self.results / "search"

    @property
    def weedout(self) -> Path:
        return self.results / "weedout"

    @property
    def es(self) -> Path:
        return self.results / "es"

    @property
    def connectivity(self) -> Path:
        return self.results / "connectivity"


def draw_all(places: Places, folder: Path) -> dict[str, str]:
    """Draw all figures. Returns name -> the files, or why the figure was not drawn."""
    table1, compared, search = places.table1, places.compared, places.search
    first = {**dict(list(NETS.items())[:1]), **IMP}

    def read(*paths: Path) -> list[pd.DataFrame]:
        return [pd.read_csv(path) for path in paths]

    logbooks, curves, described = table1 / "logbooks.csv", table1 / "training.csv", places.tickets / TICKETS
    recipes: dict[str, tuple[list[Path], Callable[..., Figure]]] = {
        "figure1": ([logbooks], lambda log: evolution(log, _there(log, NETS))),
        "figure2": (
            [logbooks, curves],
            lambda log, end: wall_clock(tracks(log, end, _there(log, first))),
        ),
        "figure3": ([curves], lambda end: training(end, _there(end, {**OTHERS, **first}))),
        "error-density": ([compared / "summary.csv"], error_against_density),
        "foretell": ([search / "foretell.csv"], foretell),
        "budget": (
            [compared / "summary.csv", *_budgets(search)],
            lambda *told: against_budget(pd.concat(told, ignore_index=True)),
        ),
        "pixels": ([described], input_pixels),
        "masks": ([described], masks),
        **{f"weedout-{name}": ([places.weedout / f"{name}.csv"], node_space) for name in ("lenet", "wrn")},
        **{f"es-{name}": ([places.es / f"{name}.csv"], strategies) for name in ("digits", "longer")},
        "es-mnist": ([places.es / "mnist.csv"], lambda told: strategies(told, note=", reduced")),
        "connectivity": ([places.connectivity / "lines.csv"], lines),
    }
    drawn = {}
    for name, (paths, draw) in recipes.items():
        missing = [path for path in paths if not path.exists()]
        if missing:
            drawn[name] = f"not drawn, {missing[0]} is missing"
            continue
        try:
            figure = draw(*read(*paths))
        except NetsError as error:
            drawn[name] = f"not drawn: {error}"
        except (pd.errors.EmptyDataError, pd.errors.ParserError, KeyError) as error:
            drawn[name] = f"not drawn: {paths[0]} has not the columns it should have ({error})"
        else:
            drawn[name] = ", ".join(map(str, save(figure, folder, name)))
    return drawn


def _budgets(search: Path) -> list[Path]:
    """Paths of the summaries of comparisons with one budget each; the ablation is not one of them."""
    names = ("mnist", *sorted(path.name for path in search.glob("budget-*")))
    return [search / name / "summary.csv" for name in names]


def _there(rows: pd.DataFrame, names: Mapping[str, str]) -> dict[str, str]:
    """The entries of `names` whose method has rows. Raises NetsError if none has."""
    methods = set(rows["method"])
    found = {method: name for method, name in names.items() if method in methods}
    if not found:
        raise NetsError(f"of the methods of Table 1 ({', '.join(names)}) there is none")
    return found
