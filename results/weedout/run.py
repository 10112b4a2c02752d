"""Weedout, evolution in node space and random node masks, before and after full training.

    python results/weedout/run.py lenet      LeNet-300-100 on MNIST, five seeds
    python results/weedout/run.py wrn        WRN-16-1 on 6,000 photographs of CIFAR-10, three seeds

writes results/weedout/lenet.csv and wrn.csv, a row for each trial, and goes on where it was interrupted.
`early_…` are of the ticket's own full training, after as many steps as the search's evaluations take, on
other minibatches than those it was chosen on. Data sets lie in `data`.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

from nets_deap import checkpoint
from nets_deap.config import CompareConfig
from nets_deap.parallel import make_map
from nets_deap.settings import configure
from nets_deap.trials import Trial, run_trial

SPARSITIES = (0.8, 0.6, 0.4, 0.2)
LENET = {"preset": "lth", "dataset": "mnist", "epochs": 20, "eval_every": 100}
WRN = {"dataset": "folder:data/cifar10-jpg", "arch": "wrn-16-1", "init": "kaiming", "optimizer": "adam",
       "lr": 1.2e-3, "batch_size": 60, "epochs": 40, "augment": True, "eval_every": 90}  # fmt: skip
# the training to the end; how long an evaluation is, and how many there are; seeds
EXPERIMENTS = {
    "lenet": (LENET, "steps=100", "pop=20,gens=10", 5),
    "wrn": (WRN, "steps=90", "pop=8,gens=3", 3),
}


def methods(steps: str, search: str, sparsity: float) -> list[str]:
    """In the order in which a seed's trials are run."""
    common = f"{steps},sparsity={sparsity}"
    return [f"random-nodes:{common}", f"weedout:{search},{common}", f"node-evolution:{search},{common}"]


def trial_row(trial: Trial, config: CompareConfig, folder: Path) -> dict[str, float | str]:
    """Run a trial, and keep of it what the table needs."""
    row = run_trial(trial, config, folder)
    training = json.loads((folder / "trials" / f"{trial.name}.json").read_text())["training"]
    early = next(told for told in training if told["iteration"] == config.eval_every)
    return {
        "method": trial.method.partition(":")[0],
        "sparsity": trial.density,
        "seed": trial.seed,
        "density": row["density"],
        "early_val_acc": early["val_acc"],
        "early_test_acc": early["test_acc"],
        "val_acc": row["val_acc"],
        "test_acc": row["test_acc"],
        "search_gradient_steps": row["search_gradient_steps"],
        "search_s": row["search_seconds"],
        "train_s": row["train_seconds"],
    }


def main(name: str) -> None:
    options, steps, search, seeds = EXPERIMENTS[name]
    config = configure(CompareConfig, **options, track_test=True)
    path, folder = Path("results/weedout") / f"{name}.csv", Path("runs/weedout") / name
    rows = checkpoint.read_csv(path) if path.exists() else []
    done = {(row["method"], row["sparsity"], row["seed"]) for row in rows}
    # A method whose sparsity is settled does not go by the density: here that stands for the sparsity.
    trials = [
        Trial(method, sparsity, seed)
        for seed in range(1, seeds + 1)
        for method, sparsity in [
            *((method, sparsity) for sparsity in SPARSITIES for method in methods(steps, search, sparsity)),
            ("dense", 0.0),
        ]
        if (method.partition(":")[0], sparsity, seed) not in done
    ]

    def tell(row: dict[str, float | str]) -> None:
        rows.append(row)
        rows.sort(key=lambda row: (-row["sparsity"], row["method"], row["seed"]))
        checkpoint.write_csv(path, rows)
        print(len(rows), row["method"], row["sparsity"], row["seed"], f"{row['test_acc']:.2%}", flush=True)

    with make_map("multiprocess", None, "cpu") as engine:
        engine(partial(trial_row, config=config, folder=folder), trials, tell)


if __name__ == "__main__":
    main(sys.argv[1])
