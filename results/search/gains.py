"""How large the weights of the layers are in tickets whose gains were evolved or drawn.

    python results/search/gains.py [FOLDER]

Reads the tickets that the comparison in FOLDER (results/search/paper-gains) has left there, of its searches
that vary gains. Writes gains.csv beside it: method, seed, and for each layer the root mean square of the
active weights in units of the initialiser's standard deviation.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from nets_deap.experiments import comparison_folder
from nets_deap.experiments.trial import found_already
from nets_deap.models.initialisers import initial_std

HERE = Path(__file__).parent


def main(folder: str = str(HERE / "paper-gains")) -> None:
    init, rows = comparison_folder.read_config(Path(folder)).init, []
    for trial in comparison_folder.read_rows(Path(folder)):
        if (
            "mutate=gains" not in str(trial.method)
            or trial.method.control
            or "no_selection" in str(trial.method)
        ):
            continue
        if (found := found_already(trial, Path(folder))) is None:
            raise SystemExit(
                f"{folder} has no ticket of {trial.method}, seed {trial.seed}: run the comparison"
            )
        ticket = found.ticket
        scaled = ticket.layout.split(ticket.weights / initial_std(ticket.layout, init))
        row = {"method": str(trial.method), "seed": trial.seed}
        for (name, weights), (_, alive) in zip(scaled, ticket.layout.split(ticket.mask), strict=True):
            row[name] = round(float(np.sqrt(np.mean(np.square(weights[alive])))), 4)
        rows.append(row)
    pd.DataFrame(rows).sort_values(["method", "seed"]).to_csv(HERE / "gains.csv", index=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
