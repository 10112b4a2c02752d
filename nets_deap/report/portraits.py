"""What tickets look like: the masks of their layers, the inputs that they look at, their weights."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from nets_deap.figures.tickets import PIXELS, pictures
from nets_deap.problem.ticket import Ticket
from nets_deap.report.charts import COLORS, DASHES, Chart, bars, heatmap, made, new_figure, number, plain
from nets_deap.report.held import Held
from nets_deap.report.sections import Group, Section

BINS = 60
MOST_LAYERS = 24  # whose masks and weights are drawn


def masks(helds: Sequence[Held]) -> Section | None:
    groups = [Group(name, mask_charts(ticket)) for name, ticket in _all(helds)]
    intro = (
        "The share of weights that the mask keeps in each layer, and where in the layer they are. A cell is "
        "a patch of units and inputs."
    )
    return Section("masks", "Masks", intro, groups=groups, picks="Ticket") if groups else None


def _all(helds: Sequence[Held]) -> Iterator[tuple[str, Ticket]]:
    """Each ticket once, with a name. A training and a verdict inside a run are about its ticket."""
    seen: set[tuple[bytes, bytes]] = set()
    for held in helds:
        for name, ticket in held.tickets.items():
            if ticket.content() not in seen:
                seen.add(ticket.content())
                yield (held.label if len(held.tickets) == 1 else f"{held.label}: {name}"), ticket


def mask_charts(ticket: Ticket) -> list[Chart]:
    """Densities of the layers, and a picture of each mask."""
    densities = ticket.layout.densities(ticket.mask)
    percents = {"density": [100 * density for density in densities.values()]}
    charts = [bars("Density of each layer", list(densities), percents, "density, %")]
    shapes = dict(zip(ticket.layout.names, ticket.layout.shapes, strict=True))
    for layer, density, matrix in list(_layers(ticket))[:MOST_LAYERS]:
        shape = "×".join(map(str, shapes[layer]))
        title = f"{layer}, {shape}: {100 * density:.1f} %"
        says = (
            f"Mask of the layer {layer} of shape {shape}, which keeps {100 * density:.2f} per cent of the "
            f"weights; between {100 * matrix.min():.1f} and {100 * matrix.max():.1f} per cent in its patches."
        )
        whole = (shapes[layer][0], math.prod(shapes[layer][1:]))
        charts.append(heatmap(title, matrix, "share kept", ("inputs", "units"), whole, says))
    return charts


def _layers(ticket: Ticket) -> Iterator[tuple[str, float, np.ndarray]]:
    return (told for told in _pictures(ticket) if told[0] != PIXELS)


def _pictures(ticket: Ticket) -> list[tuple[str, float, np.ndarray]]:
    return list(pictures(ticket))


def pixels(helds: Sequence[Held]) -> Section | None:
    """For tickets whose inputs are images and whose first layer is dense."""
    groups = []
    for name, ticket in _all(helds):
        for picture, _, matrix in _pictures(ticket):
            if picture == PIXELS:
                blind = int((matrix == 0).sum())
                says = (
                    f"Number of first-layer weights on each of {matrix.size} pixels: between "
                    f"{int(matrix.min())} and {int(matrix.max())}; {blind} pixels have none."
                )
                chart = heatmap(
                    "Weights on each pixel", matrix, "weights", ("column", "row"), matrix.shape, says, True
                )
                groups.append(Group(name, [chart]))
    intro = "The pixels that the ticket looks at: how many weights of the first layer the mask keeps on each."
    return Section("pixels", "Pixels", intro, groups=groups, picks="Ticket") if groups else None


def weights(helds: Sequence[Held]) -> Section | None:
    trained = {
        ticket.content(): held.trained.weights
        for held in helds
        if held.trained and held.trained.weights is not None
        for ticket in held.tickets.values()
    }
    groups = [Group(name, _weights(ticket, trained.get(ticket.content()))) for name, ticket in _all(helds)]
    intro = (
        "How the initial weights that the mask keeps are distributed, and those that it prunes; and where "
        "the ticket was trained, the kept ones at early stop."
    )
    return Section("weights", "Weights", intro, groups=groups, picks="Ticket") if groups else None


def _weights(ticket: Ticket, trained: np.ndarray | None) -> list[Chart]:
    charts = []
    parts = {"kept": ticket.weights, "pruned": ticket.weights}
    if trained is not None and trained.shape == ticket.weights.shape:
        parts["kept, after training"] = trained
    layers = {key: dict(ticket.layout.split(vector)) for key, vector in parts.items()}
    for layer, mask in list(ticket.layout.split(ticket.mask))[:MOST_LAYERS]:
        values = {
            key: layers[key][layer][~mask if key == "pruned" else mask].ravel().astype(float) for key in parts
        }
        charts.append(_histogram(layer, {key: of_it for key, of_it in values.items() if of_it.size}))
    return charts


def _histogram(layer: str, values: dict[str, np.ndarray]) -> Chart:
    together = np.concatenate(list(values.values()))
    edges = np.histogram_bin_edges(together, BINS)
    figure = new_figure("weight", "share of these weights, %", hovermode="x unified")
    shares, told = {}, []
    for i, (name, of_it) in enumerate(values.items()):
        shares[name] = 100 * np.histogram(of_it, edges)[0] / of_it.size
        middles = [(low + high) / 2 for low, high in pairwise(edges)]
        figure.add_scatter(
            x=middles, y=shares[name], name=plain(name), mode="lines", hovertemplate="%{y:.3~g} %",
            line={"shape": "hvh", "color": COLORS[i], "width": 2, "dash": DASHES[i]},
        )  # fmt: skip
        told.append(
            f"{name}: {of_it.size:,} weights, mean {of_it.mean():.3g}, standard deviation {of_it.std():.3g}"
        )
    head = ["from", "to", *(f"{name}, %" for name in shares)]
    bounds = list(pairwise(edges))
    rows = [
        [*map(float, bounds[i]), *(float(share[i]) for share in shares.values())] for i in range(len(bounds))
    ]
    return made(layer, f"Histogram of the weights of {layer}. {'; '.join(told)}.", figure, head, rows, "")


def sizes(ticket: Ticket) -> str:
    return f"{number(int(ticket.mask.sum()))} of {number(ticket.layout.size)} weights"
