"""`nets-deap search METHOD`, and its short forms `imp`, `random`, `weedout` and `es`: search for a ticket."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nets_deap.config.base import RecipeSettings
from nets_deap.search.config import SearchConfig

from . import again, journal, json_out, progress, render
from .options import (
    combined,
    command,
    config_options,
    fresh_option,
    option,
    output_options,
    printable,
    quoted,
    source_options,
)

if TYPE_CHECKING:
    from nets_deap.models.measure import Measure
    from nets_deap.search.method import Found
    from nets_deap.search.spec import MethodSpec

own = partial(option, group="search")  # an option of one method
sources = combined(source_options("paper, lth or quick"), fresh_option, output_options)
WHERE = ("map", "workers", "scheduler", "track_test")  # for populations, and for es
from_cycle = option(
    "--from-cycle", type=int, metavar="N", help="Continue from this cycle of an earlier run.", group="running"
)


@command()
@click.argument("method", metavar="METHOD")
@config_options(SearchConfig, without=("method",), rare=WHERE)
@sources
@from_cycle
def search(method: str, **options: Any) -> int:
    """Look for a ticket by any METHOD.

    METHOD is NAME or NAME:OPTION=VALUE,… (`nets-deap compare --list-methods`). Writes a folder with
    ticket.safetensors, logbook.csv, cost.json and config.json; imp and es also save each of their cycles,
    nets its generations, edge-popup, gem-miner and cts what they have trained, and they continue
    where they were interrupted.
    """
    from nets_deap.search.registry import parse

    return _search(parse(method), **options)


@command()
@own(
    "--cycles", type=int, metavar="N", help="Prunings, of 20 % each unless --density is given; 1 is one shot."
)
@own("--cycle-epochs", "epochs_", type=int, metavar="N", help="Epochs of a cycle. [--epochs]")
@own("--rewind", type=int, metavar="K", help="Rewind to iteration K of the first training. [0]")
@own("--scope", metavar="NAME", help="layerwise, global or erk. [global with convolutions, else layerwise]")
@config_options(SearchConfig, without=("method", *WHERE))
@sources
@from_cycle
def imp(
    cycles: int | None, epochs_: int | None, rewind: int | None, scope: str | None, **options: Any
) -> int:
    """Iterative magnitude pruning with rewinding.

    The same as `nets-deap search imp`.
    """
    given: dict[str, Any] = {"cycles": cycles, "epochs": epochs_, "rewind": rewind, "scope": scope}
    if cycles is not None and options["density"] is None and options["config"] is None:
        given["exact"] = "no"  # 20 % per cycle decides the density
    elif options["density"] is not None and options["config"] is not None:
        given["exact"] = "yes"  # whatever the config says
    return _search(_spec(("imp", "imp-short"), given, options["config"]), **options)


@command()
@own("--allocation", metavar="NAME", help="uniform, erk or global, or a density per layer: 0.1/0.1/0.5.")
@config_options(SearchConfig, without=("method", *WHERE))
@sources
def random(allocation: str | None, **options: Any) -> int:
    """Draw a random ticket.

    The same as `nets-deap search random`.
    """
    spec = _spec(("random", "random-erk"), {"allocation": allocation}, options["config"])
    return _search(spec, **options, from_cycle=None)


@command()
@own("--sparsity", metavar="SHARE", help="Of each layer's nodes; one for each: 0.8/0.5. [--density]")
@own("--pop", type=int, metavar="N", help="Node masks side by side. [10]")
@own("--gens", type=int, metavar="N", help="Generations after the first. [10]")
@own("--weed", type=float, metavar="SHARE", help="Of the population, weeded out in a generation. [0.5]")
@own("--steps", type=int, metavar="N", help="Of training before validation. [100]")
@own("--repair/--no-repair", help="Keep one node where the sparsity would leave a layer none.")
@own("--breed/--no-breed", help="Children of the others in place of new random masks.")
@config_options(SearchConfig, without=("method", "track_test"))
@sources
def weedout(
    sparsity: str | None,
    pop: int | None,
    gens: int | None,
    weed: float | None,
    steps: int | None,
    repair: bool | None,
    breed: bool | None,
    **options: Any,
) -> int:
    """Random search in node space: whole units or channels.

    The same as `nets-deap search weedout`, or node-evolution with --breed. What it finds is a physically
    smaller network too: `nets-deap export --smaller`.
    """
    if sparsity is not None and options["density"] is not None:
        raise click.UsageError("--sparsity of nodes and --density of weights: one follows from the other")
    given = {"sparsity": sparsity, "pop": pop, "gens": gens, "weed": weed, "steps": steps, "repair": repair}
    names = {True: ("node-evolution",), False: ("weedout",), None: ("weedout", "node-evolution")}[breed]
    return _search(_spec(names, given, options["config"]), **options, from_cycle=None)


ES_PROBLEMS: dict[str, dict[str, Any]] = {
    "quick": {"arch": "mlp-100"},
    "paper": {"arch": "cnn-8-16", "dataset": "mnist", "density": 0.8**20},  # 20 prunings of 20 %
}


# Options that an ES lacks: it takes no gradient steps.
ES_WITHOUT = (
    *("method", "map", "workers", "scheduler", "budget_steps", "budget_samples"),
    *RecipeSettings.model_fields,
)


@command()
@own("--strategy", metavar="NAME", help="snes, pgpe, sep-cma-es or openai-es. [snes]")
@own("--prune", metavar="NAME", help="By snr, |mean / sigma|, magnitude or random. [snr]")
@own("--pop", type=int, metavar="N", help="Points a generation. [64]")
@own("--gens", type=int, metavar="N", help="Generations a round. [300]")
@own("--batch", type=int, metavar="N", help="Samples that a generation sees; 0 is all of them. [256]")
@own("--sigma", type=float, metavar="S", help="Of the search distribution at first. [0.05]")
@own("--rounds", type=int, metavar="N", help="Prunings. [as many as --density and --share want]")
@own("--share", type=float, metavar="SHARE", help="Of the weights left, pruned in a round at most. [0.2]")
@config_options(SearchConfig, without=ES_WITHOUT, arch="mlp-100")
@source_options("quick, with mlp-100, or paper: cnn-8-16 and mnist, for a GPU")
@fresh_option
@output_options
@from_cycle
def es(
    strategy: str | None,
    prune: str | None,
    pop: int | None,
    gens: int | None,
    batch: int | None,
    sigma: float | None,
    rounds: int | None,
    share: float | None,
    preset: str | None,
    **options: Any,
) -> int:
    """Iterative pruning where an evolution strategy does the training.

    The same as `nets-deap search es`. Its rounds are saved, and continued after an interruption.
    """
    from nets_deap.util.errors import unknown

    if preset is not None and preset not in ES_PROBLEMS:
        raise unknown("preset", preset, ES_PROBLEMS)
    if share is not None and not 0 < share < 1:
        raise click.UsageError(f"--share {share:g}: expected a share of the weights, between 0 and 1")
    if rounds is not None and not 1 <= rounds <= 1000:
        raise click.UsageError(f"--rounds {rounds}: expected 1 or more, and no more than 1000")
    if share is not None and rounds is not None and options["density"] is not None:
        raise click.UsageError("--rounds, --share and --density: two of them decide the third")
    given = {"strategy": strategy, "prune": prune, "pop": pop, "gens": gens, "batch": batch, "sigma": sigma}
    given |= {"rounds": rounds, "share": share}
    if rounds is not None and options["density"] is None and options["config"] is None:
        options["density"] = (1 - (0.2 if share is None else share)) ** rounds
    defaulted: dict[str, Any] = {}
    if options["config"] is None or preset is not None:
        ours = ES_PROBLEMS[preset or "quick"]
        defaulted = {name: value for name, value in ours.items() if options[name] is None}
        options |= defaulted
    names = {None: ("es", "es-paper"), "paper": ("es-paper",)}.get(preset, ("es",))
    return _search(_spec(names, given, options["config"]), **options, preset=None, defaulted=defaulted)


def _spec(names: tuple[str, ...], given: dict[str, Any], config: str | None) -> MethodSpec:
    """The first of these methods, with the given options.

    If a config file has one of the methods, it decides which, and gives the options that are not given here.
    """
    from nets_deap.config.layers import read_config_file
    from nets_deap.search import registry
    from nets_deap.search.spec import MethodSpec

    spec = MethodSpec(names[0])
    if config is not None and (text := read_config_file(Path(config)).get("method")):
        stored = registry.parse(str(text))
        spec = stored if stored.name in names else spec
    texts = {key: str(value).replace("e+", "e") for key, value in given.items() if value is not None}
    return spec.with_options(registry.typed(spec.name, texts), texts)


def _search(
    method: MethodSpec,
    quiet: bool,
    as_json: bool,
    fresh: bool,
    preset: str | None,
    config: str | None,
    from_cycle: int | None,
    defaulted: Collection[str] = (),
    **options: Any,
) -> int:
    """defaulted: those of the options that the user has not given"""
    from nets_deap.config import run_folder
    from nets_deap.config.layers import configure, explicit
    from nets_deap.search import going_on, run
    from nets_deap.search.registry import method_of

    if fresh and from_cycle:
        raise click.UsageError("--fresh begins anew, and --from-cycle goes on: give one of them")
    settled = configure(SearchConfig, preset, config, method=method, **options)
    journal.settings(settled)
    run.check(settled)
    if not quiet:
        given = explicit(SearchConfig, preset, config, method=method, **options)
        render.tell_network(settled, {key: given[key] for key in given.keys() - set(defaulted)})
    folder = Path(settled.out) if settled.out else run_folder.default_folder(settled)
    if fresh:
        render.set_aside(folder, "method", "a search", settled)
    searching = method_of(settled.method)
    unit, total = run.length_of(searching, settled.problem(), settled.density, settled.budget())
    silent, measure = quiet or as_json, render.measure(settled)
    try:
        with progress.shown(total, silent or not total, unit, begun=-(unit == "generation")) as report:

            def on_row(row: dict[str, Any]) -> None:
                if unit == "cycle" and not silent:
                    click.echo(_line(row, total, measure))
                report(row["cycle" if unit == "cycle" else "gen"], None)

            found = run.search(settled, folder, from_cycle, on_row, render.note)
            report(total, None)
    except KeyboardInterrupt:
        kept = going_on.exists(folder)
        which = f"its {unit}s" if unit != "iteration" else "its iterations but those of the last seconds"
        what = f"{which} are saved: {again.same()}" if kept else "nothing is saved"
        click.echo(f"interrupted; {what}", err=True)
        return 130
    if as_json:
        json_out.tell(_result(found, folder))
    elif not quiet:
        render.tell_metric(measure)
        _show(found, folder, render.trust(settled))
    return 0


def _line(row: dict[str, Any], of: int, measure: Measure) -> str:
    return (
        f"cycle {row['cycle']} of {of}: {render.percent(row['trained_density'])} trained to "
        f"val {measure.short} {render.score(measure, row['val_acc'])}, "
        f"pruned to {render.percent(row['density'])}"
    )


def _result(found: Found, folder: Path) -> dict[str, Any]:
    from dataclasses import asdict

    from nets_deap.config.run_folder import TICKET

    return {
        "folder": str(folder),
        "ticket": str(folder / TICKET),
        "density": found.ticket.density,
        "layers": found.ticket.layout.densities(found.ticket.mask),
        "cost": asdict(found.cost),
    }


def _show(found: Found, folder: Path, trust: str) -> None:
    told, cost = _result(found, folder), found.cost
    layers = ", ".join(f"{name} {render.percent(share)}" for name, share in told["layers"].items())
    click.echo(
        f"Ticket by {found.ticket.info['method']}: density {render.percent(told['density'])} ({layers})"
    )
    click.echo(
        f"  search: {cost.gradient_steps:,} gradient steps, {cost.samples:,} samples, "
        f"{cost.forward_passes:,} forward passes, {cost.seconds:.1f} s"
    )
    click.echo(f"  ticket: {printable(told['ticket'])}")
    click.echo(f"Train it to the end: nets-deap train {quoted(folder)}{trust}")
