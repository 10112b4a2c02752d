"""Figures: the NeTS paper's three, error against density, what tickets look like, connectivity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nets_deap.errors import NetsError
from nets_deap.experiment import mean_interval
from nets_deap.ticket import Ticket

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 6.5  # inches, of a page's text
FORMATS = ("pdf", "png")
PIXELS = "pixels"
TICKETS = "tickets.csv"


def new_figure(columns: int, rows: int = 1, height: float = 2.4) -> tuple[Figure, np.ndarray]:
    """A figure as wide as a page's text, and its axes row by row; `height` in inches, of a row."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height * rows), layout="constrained", dpi=200)
    return figure, figure.subplots(rows, columns, squeeze=False).ravel()


def plain_logarithmic(*axes: Any) -> None:
    """Logarithmic axes with numbers as people write them: 1, 2, 5, 10."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    for axis in axes:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.set_minor_formatter(NullFormatter())


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write a figure as PDF and PNG; without a date in it, so that the same data gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.{kind}" for kind in FORMATS]
    for path in paths:
        metadata: dict[str, Any] = {"CreationDate": None} if path.suffix == ".pdf" else {"Software": None}
        figure.savefig(path, metadata=metadata)
    return paths


def band(
    axes: Axes, curves: pd.DataFrame, x: str, y: str, label: str = "", scale: float = 1, color: str = ""
) -> None:
    """Mean over trials with its 95 % interval as a band; in the next color unless one is given.

    curves: a row for each trial (`seed`) and value of x. A trial that has ended stays at its last value.
    """
    wide = curves.pivot_table(index=x, columns="seed", values=y).ffill() * scale
    told = [mean_interval(row.dropna().tolist()) for _, row in wide.iterrows()]
    mean = np.array([interval.mean for interval in told])
    half = np.nan_to_num([interval.half_width for interval in told])
    (line,) = axes.plot(wide.index, mean, label=label or None, linewidth=1.2, color=color or None)
    axes.fill_between(wide.index, mean - half, mean + half, alpha=0.2, color=line.get_color(), linewidth=0)


def evolution(logbooks: pd.DataFrame, names: Mapping[str, str]) -> Figure:
    """Figure 1: density, accuracy and fitness of the best genome, generation by generation.

    logbooks: columns method, seed, gen, density_best, test_acc_best, fitness_min
    names: method -> what to call it
    """
    figure, axes = new_figure(3)
    panels = (
        ("density_best", "density, %", 100),
        ("test_acc_best", "test accuracy, %", 100),
        ("fitness_min", "fitness", 1),
    )
    for panel, (column, label, scale) in zip(axes, panels, strict=True):
        for method, name in names.items():
            band(panel, logbooks[logbooks["method"] == method], "gen", column, name, scale)
        panel.set(xlabel="generation", ylabel=label)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    for panel in axes:
        panel.xaxis.get_major_locator().set_params(integer=True)
    return figure


def tracks(
    logbooks: pd.DataFrame, training: pd.DataFrame, names: Mapping[str, str]
) -> dict[str, pd.DataFrame]:
    """What `wall_clock` draws: each search's logbook by time, and after it the training to the end.

    An evolution's row is its best genome after the brief training; a cycle's of IMP the network it trained.
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


def training(curves: pd.DataFrame, names: Mapping[str, str]) -> Figure:
    """Figure 3: test loss and accuracy in each epoch of the training to the end.

    curves: columns method, seed, epoch, test_loss, test_acc; names: method -> what to call it
    """
    figure, axes = new_figure(2)
    for method, name in names.items():
        of_it = curves[curves["method"] == method]
        band(axes[0], of_it, "epoch", "test_loss", name)
        band(axes[1], of_it, "epoch", "test_acc", name, 100)
    axes[0].set(xlabel="epoch", ylabel="test loss")
    axes[1].set(xlabel="epoch", ylabel="test accuracy, %")
    axes[1].legend(frameon=False, fontsize="small")
    return figure


def error_against_density(summary: pd.DataFrame) -> Figure:
    """Test error at early stop of each method, mean and 95 % interval, at the density it has.

    Of the error, since on a logarithmic axis methods stay apart that have nearly the same accuracy.
    summary: as in a comparison's summary.csv
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


def describe(tickets: Mapping[str, Ticket], cells: int = 40) -> pd.DataFrame:
    """What the pictures of tickets show, as rows small enough to keep.

    Columns: ticket, picture, density, row, values (a row of the picture, apart by spaces). A picture is
    "pixels", how many weights of the first layer look at each pixel of an input that is an image, or a
    layer's name: density of its mask in at most cells × cells patches, units by inputs. density is the
    ticket's or the layer's.
    """
    rows: list[tuple[str, str, float, int, str]] = []

    def add(name: str, picture: str, density: float, matrix: np.ndarray) -> None:
        rows.extend(
            (name, picture, density, i, " ".join(f"{value:.3g}" for value in line))
            for i, line in enumerate(matrix)
        )

    for name, ticket in tickets.items():
        layers = {layer: mask.reshape(len(mask), -1) for layer, mask in ticket.layout.split(ticket.mask)}
        shape = ticket.architecture.input_shape
        if len(shape) == 3:
            first = next(iter(layers.values()))
            add(name, PIXELS, ticket.mask.mean(), first.sum(axis=0).reshape(shape).sum(axis=0))
        for layer, mask in layers.items():
            add(name, layer, mask.mean(), _patches(mask, cells))
    return pd.DataFrame(rows, columns=["ticket", "picture", "density", "row", "values"])


def _pictures(described: pd.DataFrame) -> dict[tuple[str, str], tuple[float, np.ndarray]]:
    """(ticket, picture) -> density, matrix."""
    return {
        (str(ticket), str(picture)): (
            rows["density"].iloc[0],
            np.array([line.split() for line in rows["values"]], dtype=float),
        )
        for (ticket, picture), rows in described.groupby(["ticket", "picture"], sort=False)
    }


def input_pixels(described: pd.DataFrame) -> Figure:
    """How many weights of the first layer look at each pixel of the input; described: as from `describe`.

    Raises NetsError where no inputs are images.
    """
    shown = _pictures(described[described["picture"] == PIXELS])
    if not shown:
        raise NetsError("no ticket has images as inputs")
    figure, axes = new_figure(len(shown), height=WIDTH / len(shown) + 0.3)
    for panel, ((name, _), (_, matrix)) in zip(axes, shown.items(), strict=True):
        picture = panel.imshow(matrix, cmap="magma")
        panel.set(title=name, xticks=[], yticks=[])
        figure.colorbar(picture, ax=panel, shrink=0.7)
    return figure


def masks(described: pd.DataFrame) -> Figure:
    """Each layer's mask as a picture: density of its patches, and of the layer.

    described: as from `describe`
    """
    shown = _pictures(described[described["picture"] != PIXELS])
    names = list(dict.fromkeys(name for name, _ in shown))
    layers = max(sum(name == other for other, _ in shown) for name in names)
    figure, axes = new_figure(layers, len(names), height=1.7)
    for row, name in zip(axes.reshape(-1, layers), names, strict=True):
        of_it = {layer: seen for (other, layer), seen in shown.items() if other == name}
        for panel, (layer, (density, matrix)) in zip(row, of_it.items(), strict=False):
            panel.imshow(matrix, cmap="magma", aspect="auto", vmin=0)
            panel.set(title=f"{name}, {layer}: {100 * density:.1f} %", xticks=[], yticks=[])
            panel.title.set_fontsize("x-small")
    return figure


def _patches(matrix: np.ndarray, cells: int) -> np.ndarray:
    """Means over at most cells × cells patches."""
    for axis in (0, 1):
        edges = np.linspace(0, matrix.shape[axis], min(cells, matrix.shape[axis]) + 1).astype(int)[:-1]
        widths = np.diff([*edges, matrix.shape[axis]])
        summed = np.add.reduceat(matrix.astype(float), edges, axis=axis)
        matrix = summed / np.expand_dims(widths, 1 - axis)
    return matrix


def connectivity(lines: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    """Test error on the line between two trainings, mean and 95 % interval over seeds.

    lines: what to call it -> rows of `connectivity.connectivity`
    """
    figure, (axes,) = new_figure(1)
    for name, rows in lines.items():
        band(axes, pd.DataFrame(rows), "alpha", "test_error", name, 100)
    axes.set_xlabel("α, from one training to the other")
    axes.set_ylabel("test error, %")
    if any(lines):
        figure.legend(loc="outside right upper", frameon=False, fontsize="small")
    return figure
