"""Weedout, evolution in node space and random node masks, before and after full training.

    python results/weedout/run.py lenet      LeNet-300-100 on MNIST, five seeds
    python results/weedout/run.py wrn        WRN-16-1 on 6,000 photographs of CIFAR-10, three seeds

writes results/weedout/lenet.csv and wrn.csv, a row for each trial, and goes on where it was interrupted.
`early_…` are of the ticket's own full training, after as many steps as the search's evaluations take, on
other minibatches than those it was chosen on; `val_acc` and `test_acc` at early stop, `final_test_acc` at the
last step that all methods are scored at (18,300 of 18,340, and 3,600). `random-nodes-longer` is the
training of `random-nodes`, gone on with for as many steps as the searches take. Data sets lie in `data`.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

from nets_deap.evolution.settings import configure
from nets_deap.experiments.config import CompareConfig
from nets_deap.experiments.trial import Trial, run_trial
from nets_deap.parallel.choice import make_map
from nets_deap.search.method import Row
from nets_deap.util import tables

SPARSITIES = (0.8, 0.6, 0.4, 0.2)
LENET = {"preset": "lth", "dataset": "mnist", "epochs": 20, "eval_every": 100}
WRN = {"dataset": "folder:data/cifar10-jpg", "arch": "wrn-16-1", "init": "kaiming", "optimizer": "adam",
       "lr": 1.2e-3, "batch_size": 60, "epochs": 40, "augment": True, "eval_every": 90}  # fmt: skip
# the training to the end; steps of an evaluation; evaluations, and options that make as many; seeds
EXPERIMENTS = {
    "lenet": (LENET, 100, 20 + 10 * 10, "pop=20,gens=10", 5),
    "wrn": (WRN, 90, 8 + 3 * 4, "pop=8,gens=3", 3),
}


def early_stop(training: list[Row]) -> Row:
    """The row at which the validation loss is least."""
    return min(training, key=lambda told: told["val_loss"])


def trial_rows(trial: Trial, config: CompareConfig, folder: Path, search_steps: int) -> list[Row]:
    """Run a trial, and keep of it what the table needs."""
    name = trial.method.partition(":")[0]
    at_random = name == "random-nodes"
    problem = config.problem()
    steps = problem.recipe.steps(len(problem.data.train.y)) + (search_steps if at_random else 0)
    record = folder / "trials" / f"{trial.name}.json"
    if not record.exists():
        run_trial(trial, config.model_copy(update={"iterations": steps}), folder)
    kept = json.loads(record.read_text(encoding="utf-8"))
    row = kept["trial"]
    # Where the training does not end on a multiple, only it is scored there, and not one that goes on.
    training = [told for told in kept["training"] if not told["iteration"] % config.eval_every]
    early = next(told for told in training if told["iteration"] == config.eval_every)
    arms = {name: [told for told in training if told["epoch"] <= config.epochs]}
    if at_random:
        arms[f"{name}-longer"] = training
    return [
        {
            "method": arm,
            "sparsity": trial.density,
            "seed": trial.seed,
            "density": row["density"],
            "early_val_acc": early["val_acc"],
            "early_test_acc": early["test_acc"],
            "val_acc": early_stop(told)["val_acc"],
            "test_acc": early_stop(told)["test_acc"],
            "early_stop_iteration": early_stop(told)["iteration"],
            "final_test_acc": told[-1]["test_acc"],
            "search_gradient_steps": row["search_gradient_steps"],
            "search_s": row["search_seconds"],
            "train_steps": told[-1]["iteration"],
            "train_s": told[-1]["elapsed_s"],
        }
        for arm, told in arms.items()
    ]


def main(name: str) -> None:
    options, steps, evaluations, search, seeds = EXPERIMENTS[name]
    config = configure(CompareConfig, **options, track_test=True)
    path, folder = Path("results/weedout") / f"{name}.csv", Path("runs/weedout") / name
    rows = tables.read_csv(path) if path.exists() else []
    done = {(row["method"], row["sparsity"], row["seed"]) for row in rows}
    # A method whose sparsity is settled does not go by the density: here that stands for the sparsity.
    arms = [
        [("dense", 0.0)],
        *(
            [(f"{method}steps={steps},sparsity={sparsity}", sparsity) for sparsity in SPARSITIES]
            for method in ("random-nodes:", f"weedout:{search},", f"node-evolution:{search},")
        ),
    ]
    trials = [
        Trial(method, sparsity, seed)
        for arm in arms
        for seed in range(1, seeds + 1)
        for method, sparsity in arm
        if (method.partition(":")[0], sparsity, seed) not in done
    ]

    def tell(told: list[Row]) -> None:
        rows.extend(told)
        rows.sort(key=lambda row: (-row["sparsity"], row["method"], row["seed"]))
        tables.write_csv(path, rows)
        for row in told:
            named = (row["method"], row["sparsity"], row["seed"])
            print(len(rows), *named, f"{row['test_acc']:.2%}", flush=True)

    with make_map("multiprocess", None, "cpu") as engine:
        task = partial(trial_rows, config=config, folder=folder, search_steps=evaluations * steps)
        engine(task, trials, tell)


if __name__ == "__main__":
    main(sys.argv[1])
