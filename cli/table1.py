"""`nets-deap table1`: make the NeTS paper's Table 1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from . import again, journal, progress, render, table
from .options import command, fresh_option, option, printable, worded


@command()
@option("--out", metavar="DIR", help="Where to. [results/table1]", group="output")
@option("--parts", metavar="NAME,…", help="Some of its problems only. [all]", group="search")
@option("--seeds", type=int, metavar="N", help="Trials of each. [5]", group="search")
@option(
    "--epochs",
    type=int,
    metavar="N",
    help="Shorter trainings, to try it out. [50; XOR 3,000]",
    group="training",
)
@option("--data-limit", type=int, metavar="N", help="Fewer samples, to try it out.", group="data")
@option(
    "--data-dir",
    metavar="DIR",
    envvar="NETS_DATA_DIR",
    help="Where MNIST lies. [data, or NETS_DATA_DIR]",
    group="data",
)
@option("--map", "map_", metavar="NAME", help="serial, multiprocess or dask. [multiprocess]", group="running")
@option("--workers", type=int, metavar="N", help="Worker processes. [all cores]", group="running")
@option(
    "--scheduler",
    metavar="ADDRESS",
    help="Of a Dask cluster: tcp://…, tls://… or its scheduler file.",
    group="running",
)
@fresh_option
@journal.verbose_option
@option("-q", "--quiet", is_flag=True, help="No progress and no table.", group="output")
def table1(
    out: str | None,
    parts: str | None,
    map_: str | None,
    workers: int | None,
    scheduler: str | None,
    fresh: bool,
    quiet: bool | None,
    **options: Any,
) -> int:
    """Make Table 1 of the NeTS paper.

    Random tickets, IMP and NeTS on XOR and MNIST, the paper's figures beside ours. Runs what is missing
    in DIR, about an hour on two cores, and writes the table as CSV, Markdown and LaTeX.
    """
    from nets_deap.experiments import table1
    from nets_deap.parallel.choice import make_map

    def named(trial: Any) -> str:
        return f"{trial.method}, seed {trial.seed}"

    place, names = Path(out or "results/table1"), parts.split(",") if parts else None
    for name in (names or table1.PROBLEMS) if fresh else ():
        render.set_aside(place / name, "methods", "a comparison")
    try:
        with (
            make_map(map_ or "multiprocess", workers, scheduler=scheduler) as engine,
            progress.shown(0, bool(quiet), "trial", named=named) as report,
        ):

            def reporter(problem: str) -> Any:
                def tell(done: int, of: int, outcome: Any) -> None:
                    if outcome is None:
                        return report(done, None, of)
                    what = f"failed: {worded(outcome)}" if isinstance(outcome, str) else outcome["method"]
                    return report(done, f"of {problem}: {what}", of)

                return tell

            done = table1.table1(place, engine, names, reporter, **options)
    except KeyboardInterrupt:
        click.echo(f"interrupted; finished trials are in {printable(place)}: {again.same()}", err=True)
        return 130
    failed = [(trial, error) for part in done for trial, error in part.failed.items()]
    if not quiet and (place / table1.CSV).exists():
        _show(place)
    for trial, error in failed:
        click.echo(f"failed: {trial.method}, seed {trial.seed}: {worded(error)}", err=True)
    return 1 if failed else 0


def _show(folder: Path) -> None:
    import pandas as pd

    from nets_deap.experiments.table1 import CSV, QUANTITIES, ours, papers

    rows: list[Any] = pd.read_csv(folder / CSV).to_dict("records")
    by_importance = list(reversed(QUANTITIES))
    cells = [
        [f"{r['problem']} {r['method']}", *(f"{ours(r, k)}\n{papers(r, k)}" for k in by_importance)]
        for r in rows
    ]
    table.show(["", *(QUANTITIES[key] for key in by_importance)], cells)
    table.say("ours: mean ± 95 % interval over trials, at early stop; below it the paper's")
    click.echo(f"{printable(folder / CSV)}, .md and .tex")
