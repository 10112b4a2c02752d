"""The style of all figures: size, axes, bands, files."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nets_deap.util import files
from nets_deap.util.statistics import mean_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


WIDTH = 6.5  # inches, the width of a page's text
FORMATS = ("pdf", "png")  # written unless others are asked for
# Every format -> what to leave out of its file
UNDATED: dict[str, dict[str, Any]] = {
    "pdf": {"CreationDate": None},
    "png": {"Software": None},
    "svg": {"Date": None},
}


def new_figure(columns: int, rows: int = 1, height: float = 2.4) -> tuple[Figure, np.ndarray]:
    """A figure as wide as a page's text, and its axes row by row; `height` of a row in inches."""
    figure = _figure_class()(figsize=(WIDTH, height * rows), layout="constrained", dpi=200)
    return figure, figure.subplots(rows, columns, squeeze=False).ravel()


def _figure_class() -> type[Figure]:
    """matplotlib's Figure. A notebook may have left a backend in MPLBACKEND that is not installed here, with
    which matplotlib cannot be imported."""
    backend = None if "matplotlib" in sys.modules else os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib
        from matplotlib.figure import Figure
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    if backend:
        with suppress(ValueError):
            matplotlib.rcParams["backend"] = backend
    return Figure


def plain_logarithmic(*axes: Any) -> None:
    """Label logarithmic axes with plain numbers: 1, 2, 5, 10."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    for axis in axes:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.set_minor_formatter(NullFormatter())


def save(figure: Figure, folder: Path, name: str, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Write a figure in each format, without a date, so that the same data gives the same bytes.

    Raises NetsError if they cannot be written.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)  # whatever backend the environment names
    paths = [folder / f"{name}.{kind}" for kind in formats]
    for path in paths:
        drawn = io.BytesIO()
        with rc_context({"svg.hashsalt": name}):
            figure.savefig(drawn, format=path.suffix[1:], metadata=UNDATED[path.suffix[1:]])
        files.write_bytes(path, drawn.getvalue())
    return paths


def means(
    curves: pd.DataFrame, x: str, y: str, scale: float = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, and at each the mean of y over trials and the half-width of its 95 % interval, 0 for a single trial.

    curves: one row for each trial (`seed`) and value of x. A trial that has ended keeps its last value.
    """
    wide = curves.pivot_table(index=x, columns="seed", values=y).ffill() * scale
    told = [mean_interval(row.dropna().tolist()) for _, row in wide.iterrows()]
    half = np.nan_to_num([interval.half_width for interval in told])
    return wide.index.to_numpy(), np.array([interval.mean for interval in told]), half


def band(
    axes: Axes, curves: pd.DataFrame, x: str, y: str, label: str = "", scale: float = 1, color: str = ""
) -> None:
    """Draw the `means` as a line, with the intervals as a band; by default in the next color."""
    places, mean, half = means(curves, x, y, scale)
    (line,) = axes.plot(places, mean, label=label or None, linewidth=1.2, color=color or None)
    axes.fill_between(places, mean - half, mean + half, alpha=0.2, color=line.get_color(), linewidth=0)
