"""Optimisers with arguments, schedules and clipping, from the command line to the ticket and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

SMALL = ("--data-limit", "200", "--arch", "lenet-300-100")
OPTIMIZER, SCHEDULE = "sgd:momentum=0.9,weight_decay=5e-4", "cosine:warmup=0.1"
RECIPE = ("--optimizer", OPTIMIZER, "--schedule", SCHEDULE, "--clip", "1", "--label-smoothing", "0.1")
BRIEF = ("--pop", "4", "--gens", "2", "--map")
SEARCHES = {
    "evolve": ["evolve", *BRIEF, "serial"],
    "evolve in stacks": ["evolve", *BRIEF, "batched"],
    "imp": ["imp", "--epochs", "2"],
    "snip": ["search", "snip"],
    "weedout": [
        "weedout",
        "--pop",
        "4",
        "--gens",
        "1",
        "--steps",
        "5",
        "--sparsity",
        "0.8",
        "--map",
        "serial",
    ],
}


@pytest.mark.parametrize("name", SEARCHES)
def test_a_recipe_goes_with_the_ticket(name: str, cli: Any) -> None:
    assert cli(*SEARCHES[name], *SMALL, *RECIPE, "--out", "found").code == 0
    stored = json.loads(Path("found/config.json").read_text(encoding="utf-8"))
    keys = ("optimizer", "schedule", "clip", "label_smoothing")
    assert [stored[key] for key in keys] == [OPTIMIZER, SCHEDULE, 1.0, 0.1]
    for out, more in {"own": (), "same": RECIPE, "other": ("--schedule", "constant")}.items():
        assert cli("train", "found", "--epochs", "2", *more, "--out", out).code == 0
    own, same, other = (load_file(f"{out}/trained.safetensors") for out in ("own", "same", "other"))
    assert np.array_equal(own["weights"], same["weights"])
    assert not np.array_equal(own["weights"], other["weights"])
    assert (own["weights"][~own["mask"].astype(bool)] == 0).all()


@pytest.mark.parametrize("optimizer", ["adamw", "rmsprop", "adagrad:lr_decay=0.1", "adam:amsgrad=yes"])
def test_other_optimisers_of_torch_train(optimizer: str, cli: Any) -> None:
    ran = cli(
        "evolve",
        *SMALL,
        "--pop",
        "3",
        "--gens",
        "1",
        "--map",
        "serial",
        "--optimizer",
        optimizer,
        "--out",
        "e",
    )
    assert ran.code == 0, ran.err
    assert cli("train", "e", "--epochs", "1", "--out", "t").code == 0
