"""Evolved tickets beside random ones on digits, with the defaults: ten seeds, about six minutes on 2 cores.

    python results/digits.py

Seed by seed, `nets-deap evolve` and `nets-deap train --random 5`; what is done already is not done again.
Writes results/digits.csv and prints the paired difference with its 95 % t-interval.
"""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd

from nets_deap.util.statistics import mean_interval

SEEDS = range(1, 11)
COMMAND = [sys.executable, "-m", "nets_deap_cli.main"]


def trial(seed: int) -> dict[str, float]:
    """Search and final training of one seed; the random tickets have its density, split and minibatches."""
    folder = f"runs/digits-{seed}"
    subprocess.run(
        [*COMMAND, "evolve", "--seed", str(seed), "--out", folder, "--resume", "--quiet"], check=True
    )
    train = [*COMMAND, "train", folder, "--random", "5", "--out", f"{folder}/trained", "--json"]
    found = json.loads(subprocess.run(train, check=True, capture_output=True, text=True).stdout)
    ticket, random = found["ticket"], pd.DataFrame(found["random"])
    return {
        "seed": seed,
        "density": ticket["density"],
        "evolved_test_acc": ticket["test_acc"],
        "random_test_acc_mean": random["test_acc"].mean(),
        "random_test_acc_max": random["test_acc"].max(),
        "evolved_test_loss": ticket["test_loss"],
        "random_test_loss_mean": random["test_loss"].mean(),
        "evolved_early_stop": ticket["early_stop_iteration"],
        "random_early_stop_mean": random["early_stop_iteration"].mean(),
    }


if __name__ == "__main__":
    trials = pd.DataFrame([trial(seed) for seed in SEEDS])
    trials.to_csv(Path(__file__).with_suffix(".csv"), index=False, float_format="%.6g")
    gain = mean_interval(trials["evolved_test_acc"] - trials["random_test_acc_mean"])
    print(trials.to_string(index=False))
    print(f"evolved − mean of random: {100 * gain.mean:.2f} ± {100 * gain.half_width:.2f} points")
