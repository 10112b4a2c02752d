"""Presets and the defaults of each data set, per command; docs/presets.md has them as a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Values = dict[str, Any]

PAPERS = "noise,resample,dormancy,awaken"  # the mutations of the NeTS paper, and awakening
# Plain SGD at 1e-3 cannot learn XOR in one epoch, so every method uses Adam and full batches.
XOR_TRAINING: Values = {"optimizer": "adam", "lr": 0.05, "batch_size": 0, "epochs": 3000}
LTH_TRAINING: Values = {"init": "glorot", "optimizer": "adam", "lr": 1.2e-3, "batch_size": 60}
DIGITS_TRAINING: Values = {"optimizer": "adam", "lr": 1.2e-3, "batch_size": 60}
# The best search found so far; results/search has the evidence.
BEST_SEARCH: Values = {
    "mutate": "flip,prune-increase",
    "mate": "none",
    "lr_factor": 2.0,
    "input_dropout": 0.2,
    "pop": 4,
    "gens": 20,
    "reevaluate": True,
}
# In place of its mutations, which look at what training changes, where evaluations train nothing
UNTRAINED_SEARCH: Values = {"mutate": "signs:0.003,swap:0.003,repair", "seeding": "random-erk", "gens": 500}
PAPERS_SEARCH: Values = {
    "mutate": PAPERS,
    "mate": "uniform",
    "lr_factor": 1.0,
    "input_dropout": 0.0,
    "reevaluate": False,
}


def _is_xor(dataset: str) -> bool:
    return dataset in ("xor", "xor-corners")


def dataset_defaults(command: str, dataset: str) -> Values:
    """The defaults for a data set."""
    values: Values = {"dataset": dataset}
    if _is_xor(dataset):
        values |= {"arch": "mlp-10", **XOR_TRAINING}
        if command == "evolve":
            values |= {"init_density": 0.4}
    elif dataset == "digits":
        values |= {**DIGITS_TRAINING, "epochs": 50}
        if command == "evolve":
            values |= BEST_SEARCH | {"epochs": 20, "target_density": 0.05}
    elif command == "evolve":
        values |= BEST_SEARCH | LTH_TRAINING | {"iterations": 1500}
    else:
        values |= LTH_TRAINING | {"epochs": 20}
    return values


def defaults_for(command: str, dataset: str, given: Values) -> Values:
    """The defaults for a data set and what is given: other mutations if evaluations train nothing."""
    values = dataset_defaults(command, dataset)
    untrained = command == "evolve" and given.get("epochs") == 0 and not given.get("iterations")
    return values | UNTRAINED_SEARCH if untrained else values


def _best_evolve(dataset: str) -> Values:
    """The defaults of `evolve`, as a preset."""
    return {key: value for key, value in dataset_defaults("evolve", dataset).items() if key != "dataset"}


def _paper_evolve(dataset: str) -> Values:
    """NeTS paper, sections 3.3 and 4.1; what it leaves open is from the authors' code, or our choice."""
    return (
        PAPERS_SEARCH
        | {
            "init": "normal",
            "pop": 5,
            "gens": 25,
            "select": "tournament:tournsize=3",
            "algorithm": "simple",
            "crossover": 0.5,
            "noise": 0.1,
            "resample": 0.1,
            "dormancy": 0.2,
            "awaken": 0.0,
            "target_density": 0.2,
            "init_density": 0.6,
            "data_fraction": 1.0,
            "patience": 2,
            "validation": 0.1,
        }
        | _paper_training(dataset, epochs=1)
    )


def _paper_training(dataset: str, epochs: int = 50) -> Values:
    if _is_xor(dataset):
        return {"arch": "mlp-10", **XOR_TRAINING}
    return {"arch": "lenet-300-100", "optimizer": "sgd", "lr": 1e-3, "batch_size": 60, "epochs": epochs}


def _lth_evolve(dataset: str) -> Values:
    if _is_xor(dataset):
        return {"init": "glorot", **XOR_TRAINING}
    return {**LTH_TRAINING, "validation": 1 / 12}


def _lth_train(dataset: str) -> Values:
    """Frankle & Carbin 2019, figure 2: LeNet."""
    if _is_xor(dataset):
        return {**XOR_TRAINING, "eval_every": 100}
    # The ticket's own initialiser stays: its random controls are drawn from it.
    training = {key: value for key, value in LTH_TRAINING.items() if key != "init"}
    return {**training, "iterations": 50_000, "eval_every": 100, "validation": 1 / 12}


def _quick_evolve(dataset: str) -> Values:
    epochs = {"epochs": 300} if _is_xor(dataset) else {"epochs": 1, "data_limit": 3000}
    return {"pop": 4, "gens": 3, **epochs}


def _quick_train(dataset: str) -> Values:
    return {"epochs": 600} if _is_xor(dataset) else {"epochs": 3, "data_limit": 3000}


def _paper_compare(dataset: str) -> Values:
    return {"init": "normal", "validation": 0.1} | _paper_training(dataset)


def _lth_compare(dataset: str) -> Values:
    return {"init": "glorot", "arch": "mlp-10" if _is_xor(dataset) else "lenet-300-100"} | _lth_train(dataset)


COMMAND_PRESETS: dict[str, dict[str, Callable[[str], Values]]] = {
    "evolve": {"best": _best_evolve, "paper": _paper_evolve, "lth": _lth_evolve, "quick": _quick_evolve},
    "train": {"paper": _paper_training, "lth": _lth_train, "quick": _quick_train},
    "compare": {"paper": _paper_compare, "lth": _lth_compare, "quick": _quick_train},
}
