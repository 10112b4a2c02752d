"""`nets-deap info`: show what a ticket or a run folder holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from . import json_out, render, table
from .options import command, printable


@command()
@click.argument("path", metavar="PATH")
@click.option("--json", "as_json", is_flag=True, callback=json_out.aside, help="As one JSON object.")
def info(path: str, as_json: bool) -> None:
    """Show what PATH holds: a ticket's file, or a run folder."""
    from nets_deap.config import run_folder
    from nets_deap.problem.ticket import load_ticket

    place = Path(path)
    run: dict[str, Any] = {}
    if place.is_dir():
        if not (place / run_folder.CONFIG).exists():
            raise click.UsageError(f"{place} is not a run's folder: it has no {run_folder.CONFIG}")
        run = _search(place) if (place / run_folder.COST).exists() else _run(place)
        place = place / run_folder.TICKET
    ticket = load_ticket(place)
    layers: list[dict[str, Any]] = [
        {
            "layer": name,
            "shape": list(mask.shape),
            "active": int(mask.sum()),
            "density": float(mask.mean()),
        }
        for name, mask in ticket.layout.split(ticket.mask)
    ]
    described: dict[str, Any] = {
        "ticket": str(place),
        "architecture": ticket.architecture.name,
        "dataset": ticket.config.get("dataset"),
        "seed": ticket.config.get("seed"),
        "active": int(ticket.mask.sum()),
        "weights": ticket.layout.size,
        "density": ticket.density,
        **ticket.info,
        **run,
    }
    if as_json:
        json_out.tell({**described, "layers": layers, "config": ticket.config})
        return
    for key, value in described.items():
        if value is not None:
            click.echo(f"{printable(key) + ':':18} {printable(_text(key, value))}")
    rows = [
        [
            layer["layer"],
            render.percent(layer["density"]),
            f"{layer['active']:,}",
            "×".join(map(str, layer["shape"])),
        ]
        for layer in layers
    ]
    rows.append(["all", render.percent(ticket.density), f"{described['active']:,}", ""])
    table.show(["layer", "density", "active", "shape"], rows)


def _text(key: str, value: Any) -> str:
    if key in ("density", "val_acc") and isinstance(value, float):
        return render.percent(value)
    return (
        f"{value:,}" if isinstance(value, int) else f"{value:.6g}" if isinstance(value, float) else str(value)
    )


def _search(folder: Path) -> dict[str, Any]:
    """The cost of a search."""
    from dataclasses import asdict

    from nets_deap.config import run_folder
    from nets_deap.problem.budget import Cost
    from nets_deap.util import files

    path = folder / run_folder.COST
    cost = Cost.read(files.read_json(path), path)
    return {str(key).replace("_", " "): value for key, value in asdict(cost).items()}


def _run(folder: Path) -> dict[str, Any]:
    """The progress of a run."""
    from nets_deap.config import run_folder
    from nets_deap.config.layers import validate
    from nets_deap.evolution import checkpoint
    from nets_deap.evolution.record import finished, last_improvement
    from nets_deap.evolution.settings import EvolveConfig

    config = validate(EvolveConfig, run_folder.read_config(folder))
    logbook = checkpoint.read_logbook(folder)
    if not logbook:
        raise click.UsageError(f"{folder} holds a run of which no generation is complete yet")
    return {
        "state": finished(config, logbook) or "unfinished: continue with --resume",
        "generation": int(logbook[-1]["gen"]),
        "last improvement": last_improvement(logbook),
        "evaluations": sum(row["nevals"] for row in logbook),
        "seconds": float(logbook[-1]["elapsed_s"]),
    }
