"""`nets-deap info TICKET --cost`: what a ticket's network costs to store and to run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import json_out, render, table

if TYPE_CHECKING:
    from nets_deap.networks.cost import Cost, Latency


def tell(path: Path, as_json: bool, model: str | None, trust: bool = False) -> None:
    """Show the cost of the ticket in a file.

    model: the network of one's own that it is for; trust: import the one that the ticket names
    """
    from nets_deap.models.catalogue import is_own
    from nets_deap.models.registry import handed_over
    from nets_deap.networks.cost import cost
    from nets_deap.problem.ticket import load_ticket

    ticket = load_ticket(path)
    if model is None and trust and is_own(ticket.architecture.name):
        model = ticket.architecture.name
    if model is not None:
        ticket = replace(ticket, architecture=handed_over(ticket.architecture, model))
    found = cost(ticket)
    if as_json:
        layers = [layer._asdict() for layer in found.layers]
        latencies = [latency._asdict() for latency in found.latencies]
        sums = {
            "multiply_adds": found.multiply_adds,
            "sparse_multiply_adds": found.sparse_multiply_adds,
            "ticket_bytes": path.stat().st_size,
        }
        json_out.tell({**found._asdict(), **sums, "layers": layers, "latencies": latencies})
        return
    _show(found, path)


def _show(found: Cost, path: Path) -> None:
    share = render.percent(found.nonzero / found.parameters)
    sparse = render.percent(found.sparse_multiply_adds / max(1, found.multiply_adds))
    lines = {
        "parameters": f"{found.parameters:,}",
        "not zero": f"{found.nonzero:,} ({share})",
        "smaller network": "none: no node is cut off"
        if found.smaller is None
        else f"{found.smaller:,} parameters",
        "multiply-adds": f"{found.multiply_adds:,} for one sample",
        "sparse": f"{found.sparse_multiply_adds:,.0f} ({sparse})",
        "file, dense": f"{found.dense_bytes:,} bytes",
        "file, by mask": f"{found.masked_bytes:,} bytes",
        "ticket's file": f"{path.stat().st_size:,} bytes",
    }
    for name, text in lines.items():
        click.echo(f"{name + ':':18} {text}")
    rows = [
        [layer.name, f"{layer.sparse_multiply_adds:,.0f}", f"{layer.multiply_adds:,}", f"{layer.kept:,}"]
        for layer in found.layers
    ]
    if found.other_multiply_adds:
        rows.append(["others", *[f"{found.other_multiply_adds:,}"] * 2, ""])
    table.show(["layer", "sparse", "multiply-adds", "weights kept"], rows)
    table.show(
        ["network", "samples", "ms, median", "quartiles", "computed by"],
        [_row(latency) for latency in found.latencies],
    )
    threads = "one thread" if found.threads == 1 else f"{found.threads} threads"
    table.say(f"Measured on the CPU in {threads}; masked: by the back end that is fastest for it.")


def _row(latency: Latency) -> list[str]:
    median, lower, upper = (
        f"{1000 * seconds:.3g}" for seconds in (latency.median_s, latency.lower_s, latency.upper_s)
    )
    return [latency.form, str(latency.batch), median, f"{lower} to {upper}", latency.by]
