"""Figures of experiments: node space, evolution strategies, and the lines between trainings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from nets_deap.figures.connectivity import connectivity as lines_between
from nets_deap.figures.style import band, new_figure, plain_logarithmic

if TYPE_CHECKING:
    from matplotlib.figure import Figure


NODE_METHODS = {
    "random-nodes": "random",
    "weedout": "Weedout",
    "node-evolution": "evolution",
    "random-nodes-longer": "random, trained longer",
}
PRUNINGS = {"snr": ("|μ/σ|", "C0"), "magnitude": ("|μ|", "C1"), "random": ("at random", "C2")}
GRADIENTS = "gradient descent"


def node_space(rows: pd.DataFrame) -> Figure:
    """Test accuracy before and after full training against the share of nodes that is off.

    rows: the rows that results/weedout/run.py writes
    """
    panels = {"early_test_acc": "as early as the search looks", "test_acc": "after full training"}
    figure, axes = new_figure(len(panels))
    for panel, (measure, title) in zip(axes, panels.items(), strict=True):
        for method, name in NODE_METHODS.items():
            of_it = rows[rows["method"] == method]
            if len(of_it):
                band(panel, of_it.assign(off=100 * of_it["sparsity"]), "off", measure, name, 100)
        panel.set(xlabel="nodes off, %", title=title)
    axes[0].set_ylabel("test accuracy, %")
    axes[0].legend(frameon=False, fontsize="small")
    return figure


def strategies(rows: pd.DataFrame, note: str = "") -> Figure:
    """Test error against density for every strategy and pruning, with gradient descent in each panel.

    rows: the rows that results/es/run.py writes
    note: text added to the title of every panel
    """
    found = [name for name in rows["strategy"].unique() if name != GRADIENTS]
    figure, axes = new_figure(min(2, len(found)), (len(found) + 1) // 2, height=2.2)
    rows = rows.assign(percent=100 * rows["trained_density"], error=1 - rows["test_acc"])
    by_gradients = rows[rows["strategy"] == GRADIENTS]
    for panel, strategy in zip(axes, found, strict=False):
        by_it = rows[rows["strategy"] == strategy]
        arms = {name: (by_it[by_it["prune"] == prune], color) for prune, (name, color) in PRUNINGS.items()}
        for name, (of_it, color) in (arms | {GRADIENTS: (by_gradients, "black")}).items():
            if len(of_it):
                band(panel, of_it, "percent", "error", name, 100, color)
        panel.set(xscale="log", yscale="log", title=strategy + note)
        panel.set(xlabel="density, %", ylabel="test error, %")
        panel.invert_xaxis()
        plain_logarithmic(panel.xaxis, panel.yaxis)
    most = max(axes, key=lambda panel: len(panel.lines))
    figure.legend(
        *most.get_legend_handles_labels(), loc="outside right upper", frameon=False, fontsize="small"
    )
    return figure


def lines(rows: pd.DataFrame) -> Figure:
    """Test error on the line between two trainings, for each kind of ticket.

    rows: the rows that results/connectivity/run.py writes
    """
    kinds = {str(name): of_it for name, of_it in rows.groupby("ticket", sort=False)}
    return lines_between({name: _records(of_it) for name, of_it in kinds.items()})


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in rows.to_dict("records")]
