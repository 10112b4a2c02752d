"""How a search went, and how its ticket was trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from nets_deap.figures.style import means
from nets_deap.report.charts import COLORS, Line, lines
from nets_deap.report.held import Held, Trained, each
from nets_deap.report.measure import measure_of
from nets_deap.report.sections import Section
from nets_deap.util.labels import labels
from nets_deap.util.tables import COUNTED, Row

# Column -> what its line is called
BEST = {
    "fitness_min": "best",
    "density_best": "best genome",
    "val_loss_best": "best genome",
    "val_acc_best": "best genome, validation",
    "val_acc": "validation",
    "test_acc_best": "best genome, test",
    "test_acc": "test",
}
# The same for columns that are shown of a single run only
OTHERS = {"fitness_avg": "mean", "fitness_max": "worst", "density_avg": "mean", "val_acc_avg": "mean"}
STEP = "step"  # in COUNTED
MOST_BANDS = 6  # of a chart: more would hide each other


@dataclass(frozen=True)
class Track:
    """What a line is drawn from. table: a row for each value of the column `step`, and each `seed`"""

    label: str
    step: str
    table: pd.DataFrame
    color: int
    dash: int = 0

    def has(self, column: str) -> bool:
        return _numeric(self.table, column)

    def line(self, column: str, scale: float, name: str = "", band: bool = True, **style: int | bool) -> Line:
        """The mean over seeds; band: with its interval"""
        x, mean, half = means(self.table, self.step, column, scale)
        low, high = mean - half, mean + half
        if scale == 100:  # shares
            low, high = np.clip(low, 0, 100), np.clip(high, 0, 100)
        bounds = {"low": low, "high": high} if band and half.any() else {}
        looks = {"color": self.color, "dash": self.dash} | style
        return Line(name or self.label, x, mean, **bounds, **looks)  # type: ignore[arg-type]  # by keywords


def _numeric(table: pd.DataFrame, column: str) -> bool:
    return (
        column in table and pd.api.types.is_numeric_dtype(table[column]) and bool(table[column].notna().any())
    )


def evolution(helds: Sequence[Held]) -> Section | None:
    """The curves of searches. Several share their charts, and a comparison's are means over seeds."""
    measure = measure_of(helds)
    tracks = [track for held in helds for track in _searches(held)]
    tracks = [track for track in tracks if track.step and track.table[track.step].nunique() > 1]
    left_out = []
    if {track.step for track in tracks} != {STEP}:  # thousands of steps beside a few cycles
        left_out = [track.label for track in tracks if track.step == STEP]
        tracks = [track for track in tracks if track.step != STEP]
    if sum(1 for held in helds if held.found) > 1:
        tracks = [
            Track(track.label, track.step, track.table, i, i // len(COLORS)) for i, track in enumerate(tracks)
        ]
    if not tracks:
        return None
    accuracies = ("val_acc_best", "val_acc", "val_acc_avg", "test_acc_best", "test_acc")
    panels = (
        ("Fitness", "fitness, less is better", 1.0, ("fitness_min", "fitness_avg", "fitness_max")),
        ("Validation loss", "validation loss", 1.0, ("val_loss_best", "val_loss")),
        ("Density", "density, %", 100.0, ("density_best", "density_avg", "density")),
        (measure.title, measure.axis, measure.scale, accuracies),
        ("Diversity", "standard deviation of fitness", 1.0, ("fitness_std",)),
    )
    x = " or ".join(dict.fromkeys(COUNTED[track.step] for track in tracks))
    charts = []
    for title, axis, scale, columns in panels:
        series = _panel(tracks, columns, scale)
        if any(np.any(np.asarray(line.y) != 0) for line in series):
            charts.append(lines(title, x, axis, series))
    if not charts:
        return None
    evolved = any(track.step == "gen" for track in tracks)
    intro = f"Each {x} that the logbook has. Drag over a chart to zoom in, double-click to zoom out."
    if left_out:
        intro += f" Not shown, for they count gradient steps: {', '.join(left_out)}."
    return Section("evolution", "Evolution" if evolved else "Search", intro, charts=charts)


def _searches(held: Held) -> list[Track]:
    if held.compared:
        return _by_method(held.compared.logbooks)
    table = pd.DataFrame(list(held.found.rows) if held.found else []).assign(seed=0)
    return [Track(held.label, _step(table), table, 0)]


def _step(table: pd.DataFrame) -> str:
    return next((column for column in COUNTED if _numeric(table, column)), "")


def _by_method(rows: Sequence[Row], step: str = "") -> list[Track]:
    """A track for each method and density of a comparison: its colour by method, its dash by density."""
    if not rows:
        return []
    table = pd.DataFrame(list(rows))
    methods, densities = (list(table[column].unique()) for column in ("method", "asked"))
    named, found = labels(map(str, methods)), []
    for (method, asked), part in table.groupby(["method", "asked"], sort=False):
        label = named[str(method)]
        label += f", {100 * float(part['asked'].iloc[0]):g} %" if len(densities) > 1 else ""
        place = methods.index(method), densities.index(asked)
        found.append(Track(label, step or _step(part), part, *place))
    return found


def _panel(tracks: Sequence[Track], columns: Sequence[str], scale: float) -> list[Line]:
    """Of one run all columns, and of several the first that each has."""
    if len(tracks) > 1:
        series = []
        for track in tracks:
            if column := next((c for c in columns if track.has(c) and c not in OTHERS), None):
                series.append(track.line(column, scale, band=len(tracks) <= MOST_BANDS))
        return series
    (track,) = tracks
    shown = [column for column in columns if track.has(column)]
    names = {column: BEST.get(column) or OTHERS.get(column) or track.label for column in shown}
    return [
        track.line(column, scale, names[column], color=i, dash=i, faint=column in OTHERS)
        for i, column in enumerate(shown)
    ]


def training(helds: Sequence[Held]) -> Section | None:
    """Losses and metric in each epoch of the trainings to the end."""
    measure = measure_of(helds)
    losses: list[Line] = []
    accuracies: list[Line] = []
    note = "Early stop is where the validation loss is least; test figures are those of that point."
    for place, (prefix, told) in enumerate(each(helds, lambda held: held.trained)):
        losses += _curves(told, "loss", 1.0, prefix, place)
        accuracies += _curves(told, "acc", measure.scale, prefix, place)
    for held in helds:
        tracks = _by_method(held.compared.training, "epoch") if held.compared else []
        if tracks:
            banded = len(tracks) <= MOST_BANDS
            note = "Test figures, means over seeds" + (", with 95 % intervals." if banded else ".")
        for track in tracks:
            for series, column, scale in (
                (losses, "test_loss", 1.0),
                (accuracies, "test_acc", measure.scale),
            ):
                if track.has(column) and track.has("epoch"):
                    series.append(track.line(column, scale, band=banded))
    charts = [lines("Loss", "epoch", "loss", losses, log=True)] if losses else []
    if accuracies:
        charts.append(lines(measure.title, "epoch", measure.axis, accuracies))
    return Section("training", "Training", note, charts=charts) if charts else None


def _curves(told: Trained, key: str, scale: float, prefix: str, place: int) -> list[Line]:
    """Validation and test of a ticket, and the test of its random tickets."""
    track = Track("", "epoch", pd.DataFrame(list(told.rows)).assign(seed=0), place)
    found = []
    for dash, (part, column) in enumerate((("validation", f"val_{key}"), ("test", f"test_{key}"))):
        if track.has(column):
            found.append(
                track.line(column, scale, f"{prefix}{part}", color=place if prefix else dash, dash=dash)
            )
    if told.random:
        table = pd.concat([pd.DataFrame(rows).assign(seed=i) for i, rows in enumerate(told.random.values())])
        random = Track("", "epoch", table, place if prefix else 2, 2)
        count = len(told.random)
        name = f"{prefix}{f'{count} random tickets' if count > 1 else 'random ticket'}, test"
        if random.has(f"test_{key}"):
            found.append(random.line(f"test_{key}", scale, name))
    return found
