"""Comparisons of tickets: test error against density, and a Pareto front."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from nets_deap.figures.style import new_figure, plain_logarithmic

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def error_against_density(summary: pd.DataFrame) -> Figure:
    """Test error of each method at early stop, mean and 95 % interval, against the density it reached.

    It shows the error because a logarithmic axis then separates methods of nearly the same accuracy.
    summary: the rows of a comparison's summary.csv
    """
    from matplotlib import colormaps

    figure, (axes,) = new_figure(1, height=4)
    color = colormaps["tab20"]
    for i, (method, rows) in enumerate(summary.groupby("method", sort=False)):
        axes.errorbar(
            100 * rows["density"], 100 - rows["test_acc"], yerr=rows["test_acc_half_width"],
            label=str(method), color=color(2 * i % 20 + i // 10 % 2), marker="osv^D<>PX*"[i % 10],
            markersize=4, linewidth=1, capsize=2,
        )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="density, %", ylabel="test error, %")
    plain_logarithmic(axes.xaxis, axes.yaxis)
    figure.legend(loc="outside right upper", frameon=False, fontsize="x-small")
    return figure


def front(rows: pd.DataFrame) -> Figure:
    """The Pareto front of a run: validation loss after the brief training against density.

    rows: the rows of front.csv
    """
    figure, (axes,) = new_figure(1)
    rows = rows.sort_values("density")
    axes.plot(100 * rows["density"], rows["val_loss"], marker="o", markersize=3, drawstyle="steps-post")
    axes.set(xscale="log", xlabel="density, %", ylabel="validation loss")
    plain_logarithmic(axes.xaxis)
    return figure
