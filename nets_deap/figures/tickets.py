"""Pictures of tickets."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nets_deap.figures.style import WIDTH, new_figure
from nets_deap.problem.ticket import Ticket
from nets_deap.util.errors import NetsError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


PIXELS = "pixels"
TICKETS = "tickets.csv"


def describe(tickets: Mapping[str, Ticket], cells: int = 40) -> pd.DataFrame:
    """The data for pictures of tickets, as rows small enough to keep.

    Columns: ticket, picture, density, row, values (one row of the picture, separated by spaces). The picture
    "pixels" is for inputs that are images and a dense first layer: the number of its weights on each pixel.
    A picture with a layer's name shows the density of its mask in at most cells × cells patches, units by
    inputs. density is that of the ticket or of the layer.
    """
    rows = [
        (name, picture, density, i, " ".join(f"{value:.3g}" for value in line))
        for name, ticket in tickets.items()
        for picture, density, matrix in pictures(ticket, cells)
        for i, line in enumerate(matrix)
    ]
    return pd.DataFrame(rows, columns=["ticket", "picture", "density", "row", "values"])


def pictures(ticket: Ticket, cells: int = 40) -> Iterator[tuple[str, float, np.ndarray]]:
    """Each picture of a ticket, as in `describe`: its name, the density, and float[rows, columns]."""
    layers = {layer: mask.reshape(len(mask), -1) for layer, mask in ticket.layout.split(ticket.mask)}
    shape = ticket.architecture.input_shape
    first = next(iter(layers.values()))
    if len(shape) == 3 and first.shape[1] == math.prod(shape):  # not a convolution, whose kernel sees patches
        yield PIXELS, float(ticket.mask.mean()), first.sum(axis=0).reshape(shape).sum(axis=0)
    for layer, mask in layers.items():
        yield layer, float(mask.mean()), _patches(mask, cells)


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
    """Number of first-layer weights on each pixel of the input; described: from `describe`.

    Raises NetsError if no ticket has images as inputs.
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
    """Each layer's mask as a picture: the density of its patches, and of the layer.

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


def portrait(described: pd.DataFrame) -> Figure:
    """One ticket: each layer's mask, and if its inputs are images, the number of weights on each pixel.

    described: as from `describe`
    """
    shown = _pictures(described)
    figure, axes = new_figure(len(shown), height=WIDTH / len(shown) + 0.3)
    for panel, ((_, name), (density, matrix)) in zip(axes, shown.items(), strict=True):
        panel.imshow(matrix, cmap="magma", aspect="equal" if name == PIXELS else "auto", vmin=0)
        title = "weights that look at a pixel" if name == PIXELS else f"{name}, {100 * density:.1f} %"
        panel.set(title=title, xticks=[], yticks=[])
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
