"""`nets-deap info`: show what a ticket or the folder of a run holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import again, json_out, render, table, tickets
from .cost import tell as tell_cost
from .options import command, printable

if TYPE_CHECKING:
    from nets_deap.models.measure import Measure
    from nets_deap.runs import Held


# Facts of a ticket whose names say accuracy, whatever the metric -> what they are shown as
NAMED = {"val_acc": "validation {}", "untrained_acc": "untrained {}"}


@command()
@click.argument("path", metavar="PATH")
@click.option("--json", "as_json", is_flag=True, callback=json_out.aside, help="As one JSON object.")
@click.option("--cost", is_flag=True, help="What its network costs: numbers, multiply-adds, time.")
@click.option("--model", metavar="NAME", help="With --cost: the network of your own, module:factory.")
@click.option("--trust", is_flag=True, help="With --cost: import the network of your own that PATH names.")
def info(path: str, as_json: bool, cost: bool, model: str | None, trust: bool) -> None:
    """Show what PATH holds: a ticket's file, or the folder of any run."""
    if cost:
        tell_cost(tickets.file_of(path), as_json, model, trust)
        return
    if model is not None or trust:
        raise click.UsageError(f"{'--trust' if trust else '--model'} is for --cost")
    from nets_deap.models.measure import Measure

    place, run = Path(path), None
    if not place.exists():
        raise click.UsageError(f"{place} does not exist: expected a ticket's file, or the folder of a run")
    if place.is_dir():
        from nets_deap.runs import held

        run = held(place)
        run.check()
        place /= "ticket.safetensors"
    ticket, layers, settings = _ticket(place) if run is None or place.exists() else ({}, [], run.config)
    if run and ticket:
        ticket["method"] = run.method  # with its options
        del ticket["metric"]
    if as_json:
        json_out.tell({**(run.values() if run else {}), **ticket, "layers": layers, "config": settings})
        return
    if run and ticket and ticket["architecture"] != run.arch:
        render.note(f"the ticket here is for {ticket['architecture']}, and the run for {run.arch}")
    words = _words(run) if run else {}
    measure = run.measure if run else Measure(ticket.pop("metric"))
    told = {value for value in words.values() if isinstance(value, float)}  # under another name
    for key, value in {**words, **ticket}.items():
        if value is not None and value != "" and (key in words or value not in told):
            name = NAMED[key].format(measure.name) if key in NAMED else key
            click.echo(f"{printable(name) + ':':20} {printable(_text(key, value, measure))}")
    if layers:
        _show(layers, ticket)


def _words(run: Held) -> dict[str, Any]:
    return {
        "folder": str(run.folder),
        "made by": f"nets-deap {run.command}",
        "method": run.method,
        "dataset": run.dataset,
        "architecture": run.arch,
        "seed": run.seed,
        "state": run.state,
        f"{run.unit}s": run.progress,
        "density": run.density,
        f"{run.of} {run.metric}": run.score,
        **run.facts,
        "seconds": run.seconds,
        "to go on": again.of(run),
    }


def _ticket(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
    """A ticket in words, its layers, and the settings of the run that found it."""
    from nets_deap.problem.ticket import load_ticket

    ticket = load_ticket(path)
    layers = [
        {"layer": name, "shape": list(mask.shape), "active": int(mask.sum()), "density": float(mask.mean())}
        for name, mask in ticket.layout.split(ticket.mask)
    ]
    told = {
        "ticket": str(path),
        "architecture": ticket.architecture.name,
        "dataset": ticket.config.get("dataset"),
        "seed": ticket.config.get("seed"),
        "metric": ticket.measure.name,
        "active": int(ticket.mask.sum()),
        "weights": ticket.layout.size,
        "density": ticket.density,
        **ticket.info,
    }
    return told, layers, ticket.config


def _show(layers: list[dict[str, Any]], ticket: dict[str, Any]) -> None:
    rows = [
        [
            layer["layer"],
            render.percent(layer["density"]),
            f"{layer['active']:,}",
            "×".join(map(str, layer["shape"])),
        ]
        for layer in [*layers, {**ticket, "layer": "all", "shape": []}]
    ]
    table.show(["layer", "density", "active", "shape"], rows)


def _text(key: str, value: Any, measure: Measure) -> str:
    if key == "density" and isinstance(value, float):
        return render.percent(value)
    if isinstance(value, float) and (
        key in ("val_acc", "untrained_acc") or key.endswith((f" {measure.name}", ", test"))
    ):
        return render.score(measure, value)
    if key == "seconds" and isinstance(value, float):
        return f"{value:.1f}"
    return str(value) if key == "seed" else render.plain(value)
