"""All benchmarks of the CPU: a table on stdout, and results/benchmarks.csv. Those of a GPU are `tests.gpu`.

NETS_DATA_DIR=… python -m tests.benchmarks
python -m tests.benchmarks convolutions    only these

The other rows of the table stay as they are, and so do those of other processors.
"""

import sys
from pathlib import Path

import pandas as pd

from . import (
    compaction,
    convolutions,
    epoch,
    genomes,
    parts,
    passes,
    perceptrons,
    population,
    precision,
    products,
    ways,
)
from .measure import Row, machine

ALL = (
    epoch, parts, ways, perceptrons, convolutions, passes, population, precision, genomes, compaction,
    products,
)  # fmt: skip
RESULTS = Path(__file__).parents[2] / "results" / "benchmarks.csv"


def main(*names: str) -> None:
    rows: list[Row] = []
    for benchmark in ALL:
        if names and benchmark.__name__.rpartition(".")[2] not in names:
            continue
        for row in benchmark.rows():
            ratio = f"{row.ratio:6.2f} {row.of}" if row.of else ""
            print(f"{row.what:56} {row.value:9.3f} {row.unit:8} {ratio}", flush=True)
            rows.append(row)
    table = pd.DataFrame(rows)
    for key, value in machine().items():
        table[key] = value
    others = pd.read_csv(RESULTS, dtype=str, keep_default_na=False)
    same = others.processor == machine()["processor"]
    again = others.what.isin(table.what) if names else True
    table = pd.concat([others[~(same & again)], table.round({"value": 4, "ratio": 4})])
    table.to_csv(RESULTS, index=False, float_format="%.4g")
    print(", ".join(f"{key} {value}" for key, value in machine().items()))


if __name__ == "__main__":
    main(*sys.argv[1:])
