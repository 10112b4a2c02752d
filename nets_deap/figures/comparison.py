"""Comparisons of tickets: test error, or another metric, against density and budget; and a Pareto front."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

import pandas as pd

from nets_deap.figures.style import new_figure, plain_logarithmic
from nets_deap.models.measure import BY_ACCURACY, Measure
from nets_deap.util.labels import labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


APART = 0.02  # how far methods of one density are drawn apart, so that their intervals do not overlap


def error_against_density(summary: pd.DataFrame, measure: Measure = BY_ACCURACY) -> Figure:
    """Test error of each method at early stop, mean and 95 % interval, against the density it reached.

    It shows the error because a logarithmic axis then separates methods of nearly the same accuracy; a metric
    that is no share is shown as it is. A method that prunes nothing is a line across, unless there are no
    others, or its figures differ with the density of the ticket that it is made from.
    summary: the rows of a comparison's summary.csv
    """
    figure, (axes,) = new_figure(1, height=4)
    methods, named = list(summary.groupby("method", sort=False)), labels(map(str, summary["method"]))
    pruning = bool((summary["density"] < 1).any())
    for i, (method, rows) in enumerate(methods):
        aside = 1 + APART * (i - (len(methods) - 1) / 2)
        if pruning and (rows["density"] == 1).all() and rows["test_acc"].nunique() == 1:
            _across(axes, i, named[str(method)], rows.iloc[0], measure)
        else:
            _errors(axes, i, named[str(method)], 100 * rows["density"] * aside, rows, measure, linewidth=1)
    axes.set(xscale="log", xlabel="density, %")
    plain_logarithmic(axes.xaxis)
    _measured(axes, measure)
    drawn = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    handles = [drawn[name] for name in map(str, named.values())]  # in the order given
    figure.legend(handles=handles, loc="outside right upper", frameon=False, fontsize="x-small")
    return figure


def error_against_budget(summary: pd.DataFrame, measure: Measure = BY_ACCURACY) -> Figure | None:
    """Test error of each method, mean and 95 % interval, against the gradient steps of its search.

    A metric that is no share is shown as it is. A panel for each density. None if no search takes a step.
    summary: the rows of a comparison's summary.csv
    """
    if not (summary["search_gradient_steps"] > 0).any():
        return None
    densities = sorted(summary["asked"].unique(), reverse=True)
    named = labels(map(str, summary["method"]))
    figure, panels = new_figure(min(2, len(densities)), -(-len(densities) // 2), height=3)
    for axes, density in zip(panels, densities, strict=False):
        for i, (method, rows) in enumerate(summary.groupby("method", sort=False)):
            label, here = (
                named[str(method)] if density == densities[0] else "",
                rows[rows["asked"] == density],
            )
            _errors(axes, i, label, here["search_gradient_steps"], here, measure, linewidth=0)
        axes.set_xscale("symlog", linthresh=1)  # pruning at initialisation takes no step
        axes.set(xlabel="steps of search", title=f"density {100 * density:g} %")
        _measured(axes, measure)
    for axes in panels[len(densities) :]:
        axes.set_visible(False)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize="x-small")
    return figure


def _colour(i: int) -> Any:
    from matplotlib import colormaps

    return colormaps["tab20"](2 * i % 20 + i // 10 % 2)


def _measured(axes: Axes, measure: Measure) -> None:
    """Label what methods are measured in; errors have a logarithmic axis."""
    if measure.share:
        axes.set(yscale="log", ylabel=measure.error)
        plain_logarithmic(axes.yaxis)
    else:
        axes.set_ylabel(f"test {measure.axis}")


def _told(rows: Any, measure: Measure) -> tuple[Any, Any]:
    """Mean and half-width as they are drawn; a summary has them times 100."""
    mean, half_width = rows["test_acc"], rows["test_acc_half_width"]
    return (100 - mean if measure.share else measure.hundredths * mean), measure.hundredths * half_width


def _errors(
    axes: Axes, i: int, label: str, x: pd.Series, rows: pd.DataFrame, measure: Measure, linewidth: float
) -> None:
    """The i-th method's test errors with their intervals."""
    y, half_width = _told(rows, measure)
    axes.errorbar(
        x, y, yerr=half_width, label=label or None,
        color=_colour(i), marker="osv^D<>PX*"[i % 10],
        markersize=4, linewidth=linewidth, elinewidth=1, capsize=2,
    )  # fmt: skip


def _across(axes: Axes, i: int, label: str, row: pd.Series, measure: Measure) -> None:
    """The i-th method's test error at any density: a line across the axes, its interval between thin ones."""
    error, half_width = _told(row, measure)
    axes.axhline(error, color=_colour(i), linewidth=1, linestyle="--", label=label)
    for edge in (error - half_width, error + half_width):
        if edge > 0 or (not measure.share and isfinite(edge)):  # not NaN, of one seed
            axes.axhline(edge, color=_colour(i), linewidth=0.5, linestyle=":")


def front(rows: pd.DataFrame) -> Figure:
    """The Pareto front of a run: validation loss after the brief training against density, or before it.

    rows: the rows of front.csv
    """
    figure, (axes,) = new_figure(1)
    if "untrained_loss" in rows:
        rows = rows.sort_values("untrained_loss")
        axes.plot(rows["untrained_loss"], rows["val_loss"], marker="o", markersize=3, drawstyle="steps-post")
        axes.set(xlabel="validation loss, untrained", ylabel="validation loss, trained")
        return figure
    rows = rows.sort_values("density")
    axes.plot(100 * rows["density"], rows["val_loss"], marker="o", markersize=3, drawstyle="steps-post")
    axes.set(xscale="log", xlabel="density, %", ylabel="validation loss")
    plain_logarithmic(axes.xaxis)
    return figure
