"""What a cluster costs: measured here, by a formula, and in a simulation of up to 1,000 workers.

python -m tests.benchmarks.cluster
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..measure import machine
from . import measured
from .model import Costs
from .simulation import NONE, USUAL, simulate

RESULTS = Path(__file__).parents[3] / "results" / "cluster"
EVALUATIONS = (0.3, 3.0, 30.0, 300.0)
POPULATIONS = (100, 1000)
WORKERS = (1, 2, 4, 10, 20, 50, 100, 200, 500, 1000)
BANDWIDTH, LATENCY = 125e6, 0.0005  # 1 Gbit/s, and half a millisecond


def sizes(base: Costs) -> Iterator[dict[str, Any]]:
    """The formula and the simulation, undisturbed and with what usually disturbs."""
    for evaluation in EVALUATIONS:
        cost = replace(base, evaluation=evaluation)
        for population in POPULATIONS:
            for workers in WORKERS:
                runs = {
                    trouble: [simulate(cost, population, workers, trouble, seed) for seed in range(5)]
                    for trouble in (NONE, USUAL)
                }
                yield {
                    "evaluation": evaluation,
                    "population": population,
                    "workers": workers,
                    "formula": cost.seconds(population, workers),
                    "simulation": runs[NONE][0].seconds,
                    "disturbed": np.mean([run.seconds for run in runs[USUAL]]),
                    "lost": np.mean([run.lost for run in runs[USUAL]]),
                    "used": cost.used(population, workers),
                    "worker_seconds": workers * cost.seconds(population, workers),
                    "helping": cost.helping(population),
                }


def write(name: str, rows: list[dict[str, Any]]) -> None:
    table = pd.DataFrame(rows)
    print(f"\n{name}\n{table.to_string(index=False)}", flush=True)
    for key, value in machine().items():
        table[key] = value
    table.to_csv(RESULTS / f"{name}.csv", index=False, float_format="%.4g")


def main() -> None:
    RESULTS.mkdir(exist_ok=True)
    overheads, bred = list(measured.overheads()), list(measured.breeding())
    write("overhead", overheads)
    write("breeding", bred)
    real = list(measured.real(overheads))
    write("real", real)
    worker = next(
        row["worker"] for row in real if row["map"] == "dask" and row["work"] == "sleep and messages"
    )
    found = measured.costs(overheads, "dask", f"LeNet-300-100 of {measured.DENSITIES[0]:g}")
    client = (bred[0]["breeding_ms"] + bred[0]["checkpoint_ms"]) / 1000
    write(
        "sizes",
        list(sizes(replace(found, worker=worker, client=client, bandwidth=BANDWIDTH, latency=LATENCY))),
    )


if __name__ == "__main__":
    main()
