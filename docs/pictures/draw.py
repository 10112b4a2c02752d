"""`python docs/pictures/draw.py`: draw the pictures of the docs beside this file; with names, only those.

Two are sketches. `search.svg` shows a short search on handwritten digits, which runs first (a minute);
`budgets.svg` is drawn from results/search/, `convolutional.svg` from results/conv/, `cluster.svg` from
results/cluster/.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from nets_deap_cli.commands import run

from nets_deap.figures.style import band, new_figure, plain_logarithmic, save

HERE = Path(__file__).parent
RESULTS = HERE.parents[1] / "results" / "search"
BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#999999"  # told apart by the colour-blind, too (Okabe & Ito 2008)


def network(axes: Any, kept: list[np.ndarray], title: str, pruned: bool = False) -> None:
    """Units as dots, weights as lines; `kept` has a mask for each layer, [from, to]."""
    sizes = [len(kept[0]), *(mask.shape[1] for mask in kept)]
    places = [np.linspace(-size, size, size) / 2 for size in sizes]
    for layer, mask in enumerate(kept):
        for (start, end), is_kept in np.ndenumerate(mask):
            if is_kept or pruned:
                style: dict[str, Any] = (
                    {"color": BLUE, "lw": 1.2} if is_kept else {"color": "#dddddd", "lw": 0.6}
                )
                axes.plot(
                    [layer, layer + 1],
                    [places[layer][start], places[layer + 1][end]],
                    zorder=is_kept,
                    **style,
                )
    for layer, heights in enumerate(places):
        axes.scatter([layer] * len(heights), heights, s=45, color="white", edgecolor="black", zorder=3)
    axes.set_title(title, fontsize=9)
    axes.axis("off")


def ticket() -> Any:
    rng = np.random.default_rng(3)
    masks = [rng.random((6, 5)) < 0.25, rng.random((5, 3)) < 0.35]
    figure, axes = new_figure(3, height=2.0)
    network(axes[0], [np.ones_like(mask) for mask in masks], "the dense network:\nall initial weights")
    network(axes[1], masks, "the mask:\nmost weights are pruned", pruned=True)
    network(axes[2], masks, "the ticket: what is left,\nbefore any training")
    return figure


STEPS = {  # a box -> where it stands
    "genomes:\ninitial weights θ₀ and a mask": (0, 1),
    "train each briefly\nunder its mask": (1, 1),
    "fitness: validation loss,\nand a penalty for density": (1, 0),
    "select, vary:\nprune weights, flip signs": (0, 0),
}
ARROWS = [
    (0, 1, "copies"),
    (1, 2, "trained weights\nare thrown away"),
    (2, 3, "θ₀, mask,\nfitness"),
    (3, 0, "children"),
]


def evolution() -> Any:
    figure, (axes,) = new_figure(1, height=2.4)
    places = [np.array([2.6 * x, y]) for x, y in STEPS.values()]
    for text, (x, y) in zip(STEPS, places, strict=True):
        box = {"boxstyle": "round,pad=0.6", "facecolor": "#e8f1f8", "edgecolor": BLUE}
        axes.text(x, y, text, ha="center", va="center", fontsize=8, bbox=box)
    for start, end, text in ARROWS:
        way = places[end] - places[start]
        cut = way * (0.3 if way[0] else 0.27)
        axes.annotate("", places[end] - cut, places[start] + cut, arrowprops={"arrowstyle": "->", "lw": 1.5})
        middle = (places[start] + places[end]) / 2
        aside = (0, 0.1) if way[0] else (0.1, 0)
        axes.text(*(middle + aside), text, fontsize=8, color=ORANGE, va="center" if way[1] else "bottom",
                  ha="left" if way[1] else "center")  # fmt: skip
    axes.set(xlim=(-0.9, 3.9), ylim=(-0.35, 1.4))
    axes.axis("off")
    return figure


def search() -> Any:
    with tempfile.TemporaryDirectory() as name:
        return _search(Path(name))


def _search(folder: Path) -> Any:
    """The search of `make demo`, with a population of one, and trainings of its ticket and of random ones."""
    here = {
        "evolve": f"--pop 1 --gens 9 --out {folder}/run",
        "train": f"{folder}/run --random 5 --out {folder}/trained",
    }
    for command, options in here.items():
        if run([command, *options.split(), "--quiet", "--map", "serial"]):
            sys.exit(f"nets-deap {command} has failed")
    logbook = pd.read_csv(folder / "run" / "logbook.csv")
    trained = pd.read_csv(folder / "trained" / "training.csv")
    random = pd.read_csv(folder / "trained" / "random.csv").rename(columns={"ticket": "seed"})
    figure, (left, middle, right) = new_figure(3, height=2.4)
    for axes, column, label in (
        (left, "density_best", "density, %"),
        (middle, "val_acc_best", "validation accuracy, %"),
    ):
        axes.plot(logbook["gen"], 100 * logbook[column], marker="o", markersize=3, color=BLUE)
        axes.set_xlabel("generation")
        axes.set_ylabel(label, fontsize=8)
    left.set(yscale="log")
    plain_logarithmic(left.yaxis)
    right.plot(trained["iteration"], 100 * trained["test_acc"], color=BLUE, lw=1.2, label="the ticket")
    band(right, random, "iteration", "test_acc", "random tickets", scale=100, color=ORANGE)
    right.set(xlabel="steps of the training", ylim=(60, 100))
    right.set_ylabel("test accuracy, %", fontsize=8)
    right.legend(fontsize=8, frameon=False)
    for axes, text in (
        (left, "the search prunes"),
        (middle, "what is left still learns"),
        (right, "trained to the end"),
    ):
        axes.set_title(text, fontsize=9)
    return figure


def budgets() -> Any:
    """Test accuracy at 1 % density on MNIST against the steps that the search took."""
    rows = pd.concat(
        pd.read_csv(path / "summary.csv") for path in [*sorted(RESULTS.glob("budget-*")), RESULTS / "mnist"]
    )
    rows = rows[rows["asked"] == 0.01]
    figure, (axes,) = new_figure(1, height=2.6)
    lineage = rows["method"].str.fullmatch(r"nets:(gens=\d+,)?(iterations=\d+,)?pop=1")
    for chosen, label, color, marker in (
        (rows["method"] == "imp", "iterative magnitude pruning (IMP)", ORANGE, "s"),
        (lineage | (rows["method"] == "nets"), "evolution", BLUE, "o"),
    ):
        ones = rows[chosen].sort_values("search_gradient_steps")
        axes.errorbar(ones["search_gradient_steps"], ones["test_acc"], ones["test_acc_half_width"],
                      label=label, color=color, marker=marker, capsize=3, lw=1.2)  # fmt: skip
    axes.set(xscale="log", xlabel="gradient steps of the search", ylabel="test accuracy, %")
    axes.set_xticks([9000, 18000, 36000, 138000], ["9,000", "18,000", "36,000", "138,000"], minor=False)
    axes.set_xticks([], minor=True)
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    return figure


# What a method begins with in results/conv, as a pattern -> its name here, colour and marker
CONVOLUTIONAL = {
    "dense": ("dense", "black", ""),
    "gmp": ("gradual pruning (no ticket)", "#009e73", "^"),
    "imp:": ("IMP", ORANGE, "s"),
    "nets:.*global-": ("evolution, a variant", "#56b4e9", "D"),
    "nets": ("evolution", BLUE, "o"),
    "rigl": ("RigL (no ticket)", "#cc79a7", "v"),
    "random-erk": ("random tickets", GREY, "x"),
}


def convolutional() -> Any:
    """Test error against density on three convolutional networks, seven of the methods."""
    figure, panels = new_figure(3, height=3.0)
    titles = {
        "lenet-5": "LeNet-5 on MNIST",
        "resnet-20": "ResNet-20 on CIFAR-10",
        "conv-2": "Conv-2 on CIFAR-10",
    }
    for axes, (folder, title) in zip(panels, titles.items(), strict=True):
        rows = pd.read_csv(RESULTS.parent / "conv" / folder / "summary.csv")
        found = rows["method"].map(lambda name: next((k for k in CONVOLUTIONAL if re.match(k, name)), None))
        for i, (key, (label, color, marker)) in enumerate(CONVOLUTIONAL.items()):
            ones = rows[found == key].sort_values("asked")
            error, half_width = 100 - ones["test_acc"], ones["test_acc_half_width"]
            if key == "dense":
                axes.axhline(error.iloc[0], color=color, lw=1, ls="--", label=label)
            elif len(ones):
                axes.errorbar(100 * ones["asked"] * (1 + 0.025 * (i - 3)), error, half_width, label=label,
                              color=color, marker=marker, markersize=4, capsize=2, lw=1.2)  # fmt: skip
        axes.set(xscale="log", yscale="log", xlabel="density, %", ylabel="test error, %")
        axes.set_title(title, fontsize=9)
        plain_logarithmic(axes.xaxis, axes.yaxis)
    handles, names = panels[1].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    return figure


def cluster() -> Any:
    """Seconds of a generation of 1,000 genomes against the number of workers."""
    rows = pd.read_csv(RESULTS.parent / "cluster" / "sizes.csv")
    rows = rows[rows["population"] == 1000]
    figure, (axes,) = new_figure(1, height=2.8)
    for (seconds, ones), color in zip(rows.groupby("evaluation"), (GREY, BLUE, ORANGE, "black"), strict=True):
        axes.plot(ones["workers"], ones["formula"], color=color, lw=1.2, label=f"{seconds:g} s")
        axes.plot(ones["workers"], ones["simulation"], "o", color=color, markersize=3)
        axes.plot(ones["workers"], ones["disturbed"], "x", color=color, markersize=4)
    axes.set(xscale="log", yscale="log", xlabel="workers", ylabel="seconds of a generation")
    axes.set_xticks([1, 10, 100, 1000], ["1", "10", "100", "1,000"])
    axes.set_yticks([100, 1000, 10_000, 100_000], ["100", "1,000", "10,000", "100,000"])
    axes.legend(title="an evaluation takes", title_fontsize=8, fontsize=8, frameon=False)
    return figure


PICTURES = {
    "ticket": ticket,
    "evolution": evolution,
    "search": search,
    "budgets": budgets,
    "convolutional": convolutional,
    "cluster": cluster,
}


if __name__ == "__main__":
    for kind in sys.argv[1:] or PICTURES:
        save(PICTURES[kind](), HERE, kind, ["svg"])
