"""The line between two trainings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from nets_deap.figures.style import band, new_figure
from nets_deap.models.measure import BY_ACCURACY, Measure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def connectivity(lines: Mapping[str, Sequence[Mapping[str, Any]]], measure: Measure = BY_ACCURACY) -> Figure:
    """Test error on the line between two trainings, mean and 95 % interval over seeds.

    lines: label -> rows of `connectivity.connectivity`
    """
    figure, (axes,) = new_figure(1)
    for name, rows in lines.items():
        band(axes, pd.DataFrame(rows), "alpha", "test_error", name, measure.scale)
    axes.set_xlabel("α, from one training to the other")
    axes.set_ylabel(measure.error)
    if any(lines):
        figure.legend(loc="outside right upper", frameon=False, fontsize="small")
    return figure
