"""A ticket compared with its dense network and controls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from nets_deap.figures.style import new_figure
from nets_deap.util.statistics import mean_interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def accuracies(rows: pd.DataFrame) -> Figure:
    """Test accuracy of each network at early stop: one point per seed, and the mean with its 95 % interval.

    rows: the rows of verify.csv
    """
    figure, (axes,) = new_figure(1)
    names = list(dict.fromkeys(rows["network"]))
    for i, name in enumerate(names):
        values = 100 * rows.loc[rows["network"] == name, "test_acc"]
        told = mean_interval(values.tolist())
        axes.plot(values, [i] * len(values), ".", color="C0", alpha=0.4)
        axes.errorbar(told.mean, i, xerr=told.half_width, marker="o", color="C0", capsize=3)
    axes.set(xlabel="test accuracy, %", yticks=range(len(names)), yticklabels=names)
    axes.invert_yaxis()
    return figure
