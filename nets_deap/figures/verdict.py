"""A ticket compared with its dense network and controls, or with the other tickets of a transfer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from nets_deap.figures.style import new_figure
from nets_deap.models.measure import BY_ACCURACY, Measure
from nets_deap.util.statistics import mean_interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def metrics(rows: pd.DataFrame, of: str = "network", measure: Measure = BY_ACCURACY) -> Figure:
    """Test metric of each network at early stop: one point per seed, and the mean with its 95 % interval.

    rows: the rows of verify.csv or transfer.csv; of: the column that names the networks
    """
    figure, (axes,) = new_figure(1)
    names = list(dict.fromkeys(rows[of]))
    for i, name in enumerate(names):
        values = measure.scale * rows.loc[rows[of] == name, "test_acc"]
        told = mean_interval(values.tolist())
        axes.plot(values, [i] * len(values), ".", color="C0", alpha=0.4)
        axes.errorbar(told.mean, i, xerr=told.half_width, marker="o", color="C0", capsize=3)
    axes.set(xlabel=f"test {measure.axis}", yticks=range(len(names)), yticklabels=names)
    axes.invert_yaxis()
    return figure
