"""How a search went, and how its ticket was trained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from nets_deap.figures.style import means
from nets_deap.report.charts import Chart, Line, lines
from nets_deap.report.held import Held
from nets_deap.report.measure import measure_of
from nets_deap.report.sections import Section
from nets_deap.util.tables import Row

STEPS = {"gen": "generation", "cycle": "cycle", "round": "round", "iteration": "iteration"}
# Column -> what its line is called; beside the best, a single run shows the others of its panel
BEST = {
    "fitness_min": "best",
    "density_best": "best genome",
    "density": "density",
    "val_loss_best": "best genome",
    "val_loss": "validation",
    "val_acc_best": "best genome, validation",
    "val_acc": "validation",
    "test_acc_best": "best genome, test",
    "test_acc": "test",
}
OTHERS = {"fitness_avg": "mean", "fitness_max": "worst", "density_avg": "mean", "val_acc_avg": "mean"}


def evolution(helds: Sequence[Held]) -> Section | None:
    """The curves of searches. Several share their charts, and a comparison's are means over seeds."""
    measure = measure_of(helds)
    tracks = [track for held in helds for track in _tracks(held)]
    if not tracks:
        return None
    panels = {
        "Fitness": ("fitness_min", "fitness_avg", "fitness_max"),
        "Validation loss": ("val_loss_best", "val_loss"),
        "Density": ("density_best", "density_avg", "density"),
        measure.title: ("val_acc_best", "val_acc", "val_acc_avg", "test_acc_best", "test_acc"),
        "Diversity": ("fitness_std",),
    }
    units = {
        "Fitness": ("fitness, less is better", 1.0),
        "Validation loss": ("validation loss", 1.0),
        "Density": ("density, %", 100.0),
        measure.title: (measure.axis, measure.scale),
        "Diversity": ("standard deviation of fitness", 1.0),
    }
    steps = dict.fromkeys(STEPS[step] for _, step, _ in tracks)
    x = next(iter(steps)) if len(steps) == 1 else "generation or cycle"
    charts = []
    for title, columns in panels.items():
        axis, scale = units[title]
        series = _panel(tracks, columns, scale)
        if any(np.any(np.asarray(line.y) != 0) for line in series):
            charts.append(lines(title, x, axis, series))
    if not charts:
        return None
    intro = f"Each {x}, as the logbook has it. Drag over a chart to zoom in, double-click to zoom out."
    return Section(
        "evolution", "Evolution" if "gen" in {s for _, s, _ in tracks} else "Search", intro, charts=charts
    )


def _tracks(held: Held) -> list[tuple[str, str, pd.DataFrame]]:
    """(label, column of steps, rows of one or more seeds) of each search with two steps or more."""
    rows = held.found.rows if held.found else held.compared.logbooks if held.compared else ()
    if not rows:
        return []
    table = pd.DataFrame(list(rows))
    if held.found:
        parts = [(held.label, table.assign(seed=0))]
    else:
        several = table["asked"].nunique() > 1
        parts = [
            (f"{method}, {100 * asked:g} %" if several else str(method), part)
            for (method, asked), part in table.groupby(["method", "asked"], sort=False)
        ]
    told = []
    for label, part in parts:
        step = next((column for column in STEPS if column in part and part[column].notna().any()), None)
        if step and part[step].nunique() > 1:
            told.append((label, step, part))
    return told


def _panel(
    tracks: Sequence[tuple[str, str, pd.DataFrame]], columns: Sequence[str], scale: float
) -> list[Line]:
    series: list[Line] = []
    for place, (label, step, table) in enumerate(tracks):
        alone, dash = len(tracks) == 1, 0
        for column in columns:
            known = (
                column in table
                and pd.api.types.is_numeric_dtype(table[column])
                and table[column].notna().any()
            )
            if not known or (column in OTHERS and not alone):
                continue
            x, mean, half = means(table, step, column, scale)
            says = BEST.get(column, OTHERS.get(column, "population"))
            name = says if alone else label if dash == 0 else f"{label}, {says}"
            banded = {"low": mean - half, "high": mean + half} if half.any() else {}
            color = dash if alone else place
            dashed = dash if alone else dash + place // 6
            series.append(Line(name, x, mean, **banded, color=color, dash=dashed, faint=column in OTHERS))
            dash += 1
    return series


def training(helds: Sequence[Held]) -> Section | None:
    """Losses and metric in each epoch of the trainings to the end."""
    measure = measure_of(helds)
    losses, accuracies, note = [], [], ""
    trained = [held for held in helds if held.trained]
    for place, held in enumerate(trained):
        assert held.trained
        label = "" if len(trained) == 1 else f"{held.label}: "
        rows, random = held.trained.rows, held.trained.random
        for series, key, scale in ((losses, "loss", 1.0), (accuracies, "acc", measure.scale)):
            series.extend(_pair(rows, key, scale, label, place, len(trained) == 1))
            if random and f"test_{key}" in rows[0]:
                series.append(_random(random, f"test_{key}", scale, label, place, len(random)))
        note = "Early stop is where the validation loss is least; test figures are those of that point."
    for held in helds:
        if held.compared and held.compared.training:
            note = "Means over seeds, with 95 % intervals."
            for place, (name, part) in enumerate(_by_method(held.compared.training)):
                for series, key, scale in (
                    (losses, "test_loss", 1.0),
                    (accuracies, "test_acc", measure.scale),
                ):
                    if key in part:
                        x, mean, half = means(part, "epoch", key, scale)
                        band = {"low": mean - half, "high": mean + half}
                        series.append(Line(name, x, mean, **band, color=place, dash=place // 6))
    charts: list[Chart] = []
    if losses:
        charts.append(lines("Loss", "epoch", "loss", losses, log=True))
    if accuracies:
        charts.append(lines(measure.title, "epoch", measure.axis, accuracies))
    return Section("training", "Training to the end", note, charts=charts) if charts else None


def _pair(rows: Sequence[Row], key: str, scale: float, label: str, place: int, alone: bool) -> list[Line]:
    found = []
    for dash, part in enumerate(("validation", "test")):
        column = f"{'val' if part == 'validation' else 'test'}_{key}"
        if column in rows[0]:
            x, y = [row["epoch"] for row in rows], [scale * row[column] for row in rows]
            found.append(Line(f"{label}{part}", x, y, color=dash if alone else place, dash=dash))
    return found


def _random(
    random: dict[str, Sequence[Row]], key: str, scale: float, label: str, place: int, count: int
) -> Line:
    table = pd.concat([pd.DataFrame(rows).assign(seed=i) for i, rows in enumerate(random.values())])
    x, mean, half = means(table, "epoch", key, scale)
    name = f"{label}random ticket, test" if count == 1 else f"{label}{count} random tickets, test"
    return Line(name, x, mean, mean - half, mean + half, color=2 + place, dash=2)


def _by_method(rows: Sequence[Row]) -> list[tuple[str, pd.DataFrame]]:
    table = pd.DataFrame(list(rows))
    several = table["asked"].nunique() > 1
    parts = table.groupby(["method", "asked"], sort=False)
    return [
        (f"{method}, {100 * asked:g} %" if several else str(method), part) for (method, asked), part in parts
    ]
