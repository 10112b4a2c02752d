"""Curves of searches and trainings: the NeTS paper's three figures, and those of other searches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from nets_deap.figures.style import band, new_figure, plain_logarithmic
from nets_deap.models.measure import BY_ACCURACY, Measure
from nets_deap.util.tables import COUNTED

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def evolution(logbooks: pd.DataFrame, names: Mapping[str, str], measure: Measure = BY_ACCURACY) -> Figure:
    """Figure 1: density, metric and fitness of the best genome, generation by generation.

    logbooks: columns method, seed, gen, density_best, fitness_min, and test_acc_best or val_acc_best
    names: method -> label
    """
    figure, axes = new_figure(3)
    panels = (
        ("density_best", "density, %", 100),
        ("test_acc_best", f"test {measure.axis}", measure.scale)
        if "test_acc_best" in logbooks
        else ("val_acc_best", f"validation {measure.axis}", measure.scale),
        ("fitness_min", "fitness", 1),
    )
    for panel, (column, label, scale) in zip(axes, panels, strict=True):
        for method, name in names.items():
            band(panel, logbooks[logbooks["method"] == method], "gen", column, name, scale)
        panel.set(xlabel="generation", ylabel=label)
    if any(names.values()):
        figure.legend(
            *axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False
        )
    for panel in axes:
        panel.xaxis.get_major_locator().set_params(integer=True)
    return figure


def search(logbooks: pd.DataFrame, names: Mapping[str, str], measure: Measure = BY_ACCURACY) -> Figure | None:
    """Density, validation loss and metric of searches that are no evolution, by what their rows count.

    logbooks: columns method, seed, one of `COUNTED`, and some of density, val_loss, val_acc, val_acc_best and
        test_acc; names: method -> label
    Returns None if no column has two values.
    """
    counted = next((column for column in COUNTED if _course(logbooks, column)), "")
    pruned = "density after pruning, %" if "trained_density" in logbooks else "density, %"
    metric = next((column for column in METRICS if _course(logbooks, column)), "")
    panels = (
        ("density", pruned, 100),
        ("val_loss", "validation loss", 1),
        (metric, f"{METRICS.get(metric)} {measure.axis}", measure.scale),
    )
    drawn = [panel for panel in panels if _course(logbooks, panel[0])]
    if not counted or not drawn:
        return None
    figure, axes = new_figure(len(drawn))
    for panel, (column, label, scale) in zip(axes, drawn, strict=True):
        for method, name in names.items():
            rows = logbooks[(logbooks["method"] == method) & logbooks[column].notna()]
            band(panel, rows, counted, column, name, scale)
        panel.set(xlabel=COUNTED[counted], ylabel=label)
        panel.xaxis.get_major_locator().set_params(integer=True)
    if any(names.values()):
        figure.legend(
            *axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False
        )
    return figure


# Column -> which figure it is: the first that a logbook has is drawn
METRICS = {"test_acc": "test", "val_acc": "validation", "val_acc_best": "best validation"}


def _course(logbooks: pd.DataFrame, column: str) -> bool:
    """Has this column two numbers or more?"""
    if column not in logbooks or not pd.api.types.is_numeric_dtype(logbooks[column]):
        return False
    return bool(logbooks[column].notna().sum() > 1)


def tracks(
    logbooks: pd.DataFrame, training: pd.DataFrame, names: Mapping[str, str]
) -> dict[str, pd.DataFrame]:
    """The data for `wall_clock`: each search's logbook by time, followed by the training to the end.

    A row of an evolution is its best genome after the brief training; a row of IMP is a trained network.
    """
    found = {}
    for method, name in names.items():
        search = logbooks[logbooks["method"] == method]
        evolved = "gen" in search and search["gen"].notna().any()
        loss, density = ("val_loss_best", "density_best") if evolved else ("val_loss", "trained_density")
        first = pd.DataFrame(
            {
                "seed": search["seed"],
                "seconds": search["elapsed_s"],
                "val_loss": search[loss],
                "density": search[density],
            }
        )
        ends = first.groupby("seed")["seconds"].max()
        then = training[training["method"] == method]
        reached = search.groupby("seed")["density_best" if evolved else "density"].last()
        second = pd.DataFrame(
            {
                "seed": then["seed"],
                "seconds": then["elapsed_s"] + then["seed"].map(ends),
                "val_loss": then["val_loss"],
                "density": then["seed"].map(reached),
            }
        )
        found[name] = pd.concat([first, second])
    return found


def wall_clock(by_name: Mapping[str, pd.DataFrame]) -> Figure:
    """Figure 2: validation loss and density against time, search first and then training.

    by_name: name -> columns seed, seconds, val_loss, density, as from `tracks`
    """
    figure, axes = new_figure(2)
    for i, (name, track) in enumerate(by_name.items()):
        for seed, of_seed in track.groupby("seed"):
            label = name if seed == track["seed"].min() else None
            color = f"C{i}"
            for panel, column, scale in zip(axes, ("val_loss", "density"), (1, 100), strict=True):
                panel.plot(
                    of_seed["seconds"],
                    of_seed[column] * scale,
                    color=color,
                    label=label,
                    alpha=0.7,
                    linewidth=0.9,
                )
    axes[0].set(xlabel="seconds", ylabel="validation loss", xscale="log", yscale="log")
    axes[1].set(xlabel="seconds", ylabel="density, %", xscale="log")
    plain_logarithmic(axes[0].xaxis, axes[0].yaxis, axes[1].xaxis)
    axes[0].legend(frameon=False, fontsize="small")
    return figure


def training(curves: pd.DataFrame, names: Mapping[str, str], measure: Measure = BY_ACCURACY) -> Figure:
    """Figure 3: test loss and metric in each epoch of the training to the end.

    curves: columns method, seed, epoch, test_loss, test_acc; names: method -> label
    """
    figure, axes = new_figure(2)
    for method, name in names.items():
        of_it = curves[curves["method"] == method]
        band(axes[0], of_it, "epoch", "test_loss", name)
        band(axes[1], of_it, "epoch", "test_acc", name, measure.scale)
    axes[0].set(xlabel="epoch", ylabel="test loss")
    axes[1].set(xlabel="epoch", ylabel=f"test {measure.axis}")
    axes[1].legend(frameon=False, fontsize="small")
    return figure
