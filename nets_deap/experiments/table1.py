"""The NeTS paper's Table 1: random tickets, IMP and NeTS on XOR and MNIST, our figures beside the paper's."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nets_deap.config.layers import configure
from nets_deap.experiments.comparison import OnTrial, compare, stored
from nets_deap.experiments.config import CompareConfig
from nets_deap.experiments.summary import Comparison
from nets_deap.parallel.protocol import Map
from nets_deap.util import files, tables, typeset
from nets_deap.util.errors import unknown
from nets_deap.util.statistics import mean_interval

Row = dict[str, Any]
IMP, RANDOM, NETS = "imp:cycles=7,exact=no", "random-paper", "nets-paper"
XOR_METHODS = f"dense,{RANDOM},{IMP},{NETS}"
INITIAL_DENSITIES = (0.4, 0.3, 0.2)  # besides 0.6 as in the authors' code, with which NeTS mostly stalls
MNIST_METHODS = ",".join([XOR_METHODS, *(f"{NETS}:init_density={d}" for d in INITIAL_DENSITIES), "random"])
# problem -> what differs from preset `paper`. XOR is scored every 100 of its 3,000 steps.
PROBLEMS: dict[str, Row] = {
    "xor-corners-mlp-10": {"dataset": "xor-corners", "arch": "mlp-10", "eval_every": 100},
    "xor-corners-mlp-100": {"dataset": "xor-corners", "arch": "mlp-100", "eval_every": 100},
    "xor-mlp-10": {"dataset": "xor", "arch": "mlp-10", "eval_every": 100},
    "xor-mlp-100": {"dataset": "xor", "arch": "mlp-100", "eval_every": 100},
    "mnist": {"dataset": "mnist", "methods": MNIST_METHODS, "track_test": True},
}
QUANTITIES = {
    "density": "density, %",
    "val_loss": "validation loss",
    "test_loss": "test loss",
    "val_acc": "validation accuracy, %",
    "test_acc": "test accuracy, %",
}
SHARES = ("density", "val_acc", "test_acc")
# (data, method) -> the paper's figures, means of five trials; it does not say which XOR data it uses
PAPER: dict[tuple[str, str], dict[str, float]] = {
    ("xor", RANDOM): dict(zip(QUANTITIES, (20, 0.032, 0.024, 82, 84), strict=True)),
    ("xor", IMP): dict(zip(QUANTITIES, (20, 0.0, 0.012, 100, 100), strict=True)),
    ("xor", NETS): dict(zip(QUANTITIES, (20, 0.0, 0.053, 100, 100), strict=True)),
    ("mnist", RANDOM): dict(zip(QUANTITIES, (22.8, 0.350, 0.329, 90.6, 90), strict=True)),
    ("mnist", IMP): dict(zip(QUANTITIES, (21.1, 0.173, 0.163, 95.1, 95.2), strict=True)),
    ("mnist", NETS): dict(zip(QUANTITIES, (29.7, 0.302, 0.263, 91, 92.3), strict=True)),
}
CSV, MARKDOWN, LATEX = "table1.csv", "table1.md", "table1.tex"


def config_of(problem: str, **options: Any) -> CompareConfig:
    """The comparison behind one part of the table. Raises NetsError for an unknown problem."""
    if problem not in PROBLEMS:
        raise unknown("part of table 1", problem, PROBLEMS)
    settings = {"methods": XOR_METHODS, "densities": [0.2], "reference": IMP, **PROBLEMS[problem], **options}
    return configure(CompareConfig, "paper", **settings)


def table1(
    folder: Path,
    engine: Map,
    problems: list[str] | None = None,
    on_trial: Callable[[str], OnTrial] | None = None,
    **options: Any,
) -> list[Comparison]:
    """Run the trials that are missing, each problem in its own folder, and write the table.

    options: fields of CompareConfig for all problems, for example `seeds` or `data_dir`
    Writes table1.csv, table1.md and table1.tex for all trials in the folder. Trials already in the folder
    give the same bytes again, without the data sets.
    """
    configs = {name: config_of(name, **options) for name in problems or PROBLEMS}
    done = [
        compare(config, folder / name, engine, on_trial(name) if on_trial else None)
        for name, config in configs.items()
    ]
    rows = [row for name in PROBLEMS if (part := stored(folder / name)) for row in rows_of(name, part)]
    if not rows:
        return done
    with files.claimed_folder(folder):
        tables.write_csv(folder / CSV, rows)
        files.write_text(folder / MARKDOWN, typeset.markdown(lines_of(rows)))
        files.write_text(folder / LATEX, typeset.latex(lines_of(rows), left=2))
    return done


def rows_of(problem: str, comparison: Comparison) -> list[Row]:
    """One row per method: our figures as mean and half-width, and the paper's figures if it has them."""
    rows = []
    for summary in comparison.summaries():
        row: Row = {"problem": problem, "method": str(summary.method), "trials": len(summary.rows)}
        paper = PAPER.get((problem.partition("-")[0], str(summary.method)), {})
        for key in QUANTITIES:
            scale = 100 if key in SHARES else 1
            mean, half_width = mean_interval([scale * value for value in summary.values(key)])
            row |= {key: mean, f"{key}_half_width": half_width, f"{key}_paper": paper.get(key)}
        rows.append(row)
    return rows


def ours(row: Row, key: str) -> str:
    """Our figure in a cell: mean ± 95 % interval, or the value of a single trial."""
    digits = 1 if key == "density" else 2 if key in SHARES else 3
    half_width = row[f"{key}_half_width"]
    return f"{row[key]:.{digits}f}" + ("" if math.isnan(half_width) else f" ± {half_width:.{digits}f}")


def papers(row: Row, key: str) -> str:
    """The paper's figure, or a dash."""
    value = row[f"{key}_paper"]
    return "–" if value is None or math.isnan(value) else f"{value:g}"


def lines_of(rows: list[Row]) -> list[list[str]]:
    """The head, and a line for each row. A cell has our mean ± 95 % interval, below it the paper's figure."""
    lines = [["problem", "method", *QUANTITIES.values()]]
    for row in rows:
        cells = [f"{ours(row, key)}\n{papers(row, key)}" for key in QUANTITIES]
        lines.append([row["problem"], row["method"], *cells])
    return lines
