"""Figures of searches: how well fitness predicts the final result, and accuracy against search cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nets_deap.figures.style import new_figure, plain_logarithmic
from nets_deap.search.registry import parse

if TYPE_CHECKING:
    from matplotlib.figure import Figure


FAMILIES = {"imp": "IMP", "random-search": "random search", "nets": "NeTS"}


def foretold(lineages: pd.DataFrame, measure: str = "test_loss") -> pd.DataFrame:
    """How well the validation loss in each generation ranks the final tickets of lineages (Spearman's ρ).

    lineages: the rows that results/search/foretell.py writes
    measure: test_loss, test_acc or final_val_loss of the ticket, which is trained to the end twice
    Returns density, generation, rho (positive: a smaller loss predicts a better ticket), p_value, and again:
    the rank correlation between the two final trainings, an upper limit for any prediction.
    """
    from scipy import stats

    generations = sum(str(name).startswith("val_loss_") for name in lineages)
    found, sign = [], -1 if measure.endswith("acc") else 1
    for density, rows in lineages.groupby("density", sort=False):
        once, twice = rows[f"{measure}_1"], rows[f"{measure}_2"]
        end = sign * (once + twice) / 2
        again = float(stats.spearmanr(once, twice).statistic)
        for generation in range(generations):
            told = stats.spearmanr(rows[f"val_loss_{generation}"], end)
            row = {"density": density, "generation": generation, "rho": float(told.statistic)}
            found.append(row | {"p_value": float(told.pvalue), "again": again})
    return pd.DataFrame(found)


def foretell(lineages: pd.DataFrame) -> Figure:
    """Rank correlation of the validation loss with final test loss and accuracy, in each generation while
    the density falls."""
    measures = {"test_loss": "test loss", "test_acc": "test accuracy"}
    figure, panels = new_figure(len(measures))
    for axes, (measure, title) in zip(panels, measures.items(), strict=True):
        told = foretold(lineages, measure)
        for density in told["density"].unique():
            rows = told[told["density"] == density]
            axes.plot(rows["generation"], rows["rho"], marker="o", markersize=3, label=f"{100 * density:g} %")
        axes.axhline(0, color="black", linewidth=0.5)
        axes.set(xlabel="generation", ylim=(-1, 1), title=title)
    panels[0].set_ylabel("rank correlation")
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        title="final density",
        loc="outside right upper",
        frameon=False,
        fontsize="small",
    )
    return figure


def family(method: str) -> str:
    """The key in FAMILIES for a method, or its name if it has none there; "" for controls.

    A nets with its own fitness counts as a control. With gens=0, nets is a random search: it takes the best
    of a population of random tickets.
    """
    spec = parse(method)
    options = dict(spec.options)
    if spec.control or "fitness" in options:
        return ""
    if spec.name == "nets" and options.get("gens") == 0:
        return "random-search"
    return "imp" if spec.name == "imp-short" else spec.name


def against_budget(summary: pd.DataFrame, asked: float = 0.02) -> Figure:
    """Test accuracy at one density against the gradient steps of the search, mean and 95 % interval.

    summary: rows of several comparisons' summary.csv, with a unique index

    Methods that cost next to nothing are horizontal lines; results that missed the density are left out. Of
    each comparison's NeTS, only the reference is a point; of methods with equally many steps, only the best.
    """
    figure, (axes,) = new_figure(1, height=3.2)
    rows = summary[np.isclose(summary["asked"], asked) & np.isclose(summary["density"], asked, rtol=0.05)]
    families = rows["method"].map(family)
    for i, (name, label) in enumerate(FAMILIES.items()):
        own = rows[families == name].sort_values("search_gradient_steps")
        if len(own):
            if name == "nets":
                own = own[own["paired_with"].isna()]
            own = own.loc[own.groupby("search_gradient_steps")["test_acc"].idxmax()]
            axes.errorbar(
                own["search_gradient_steps"], own["test_acc"], yerr=own["test_acc_half_width"],
                label=label, marker="os^"[i], markersize=4, linewidth=1, capsize=2,
            )  # fmt: skip
    for method, style in (("snip", ":"), ("rigl", "--"), ("random-erk", "-.")):
        level = rows.loc[rows["method"] == method, "test_acc"]
        if len(level):
            axes.axhline(level.iloc[0], color="grey", linestyle=style, linewidth=1, label=method)
    axes.set(xscale="log", xlabel="gradient steps of the search", ylabel=f"test accuracy at {asked:.0%}, %")
    plain_logarithmic(axes.xaxis)
    figure.legend(loc="outside right upper", frameon=False, fontsize="small")
    return figure
