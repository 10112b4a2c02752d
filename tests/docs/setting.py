"""What the pages' blocks presuppose, and how they become short enough for every run of the tests."""

from __future__ import annotations

from pathlib import Path

DEMO = {"cli.md", "files.md", "node-space-and-es.md"}  # pages that begin after `make demo`

# Names that stand for a folder -> one that `prepare` makes
PLACES = {"runs/…": "runs/demo", "FOLDER": "runs/demo/trained", "OTHER": "runs/demo"}

# Added to a command: the last mention of an option counts. What computes nothing runs as it is written
SHORTER = {
    "evolve": "--pop 2 --gens 1 --epochs 1 --map serial",
    "imp": "--epochs 1",
    "search": "--epochs 1",
    "weedout": "--pop 2 --gens 1 --steps 5 --map serial",
    "es": "--pop 4 --gens 2 --rounds 2",
    "train": "--epochs 1 --map serial",
    "verify": "--epochs 1 --seeds 2 --map serial",
    "transfer": "--seeds 2 --map serial --es gens=2,pop=4",
    "connectivity": "--epochs 1 --seeds 1 --points 3 --map serial",
    "compare": "--preset quick --epochs 1 --seeds 2 --map serial --data-limit 120 --equal-budget 100",
    "table1": "--parts xor-corners-mlp-10 --epochs 1 --seeds 2 --map serial",
    **dict.fromkeys(["export", "info", "merge", "plot", "report"], ""),
}

# Added to a command in which this is found: digits in place of a download, a small network for many trials
SHORTER_WITH = {
    "--download": "--dataset digits --no-download",
    ",snip": "--arch mlp-10",
    "nets:epochs=0": "--arch mlp-10 --methods edge-popup:epochs=1,nets:epochs=0,gens=1,random",
    ".toml": "--arch mlp-10",
    "against untrained": "--gens 2 --density-gens 1",
}

LATER = {"table1", "--onnx"}  # with these words a command is left to `make test-all`, even shortened

# In Python blocks: a text of the page -> a shorter one
QUICKER = {
    "README.md": {
        "(X, y), density=0.05)": '(X, y), density=0.05, method="nets:pop=1,gens=1,epochs=1")',
        '"digits", target_density=0.05': '"digits", epochs=1, gens=2, target_density=0.05',
    },
    "deap.md": {
        'dataset="digits", target_density=0.1': 'dataset="digits", epochs=1, target_density=0.1',
        "population(n=10)": "population(n=4)",
        "ngen=5": "ngen=1",
    },
    "tutorial.md": {
        "range(60)": "range(2)",
        '"nets:pop=1,gens=9"': '"nets:pop=1,gens=1,epochs=1"',
        "load(), seed=1)": 'load(), seed=1, recipe={"epochs": 1})',
    },
}

# Commands with these words are always shortened, for this reason
TOO_LONG = {
    "--download": "fetches MNIST",
    "table1": "takes an hour",
    "--to pgpe": "trains by an evolution strategy for more than ten minutes",
    "mymodels:make": "names a model and data that the tests make up",
}


def reasons(command: str) -> list[str]:
    return [why for words, why in TOO_LONG.items() if words in command]


# What a page's first Python block takes for granted
GIVEN = {
    "README.md": """
import nets_deap as nd
from sklearn.datasets import load_digits
from torch import nn

def make_model():
    return nn.Sequential(nn.Linear(64, 30), nn.ReLU(), nn.Linear(30, 10))

X, y = load_digits(return_X_y=True)
""",
    "deap.md": """
import numpy as np
from deap import base, creator
from nets_deap import Genome, initGenome
std = np.full(10, 0.1, dtype=np.float32)
""",
}

# Files that a page takes for granted
FILES = {
    "own.md": {
        "mymodels.py": """
from torch import nn

def make(width):
    return nn.Sequential(nn.Linear(10, width), nn.ReLU(), nn.Linear(width, 1))
""",
        "mydata.py": """
from sklearn.datasets import load_diabetes

def load():
    return load_diabetes(return_X_y=True)
""",
    },
}


def write_wine(path: Path) -> None:
    """scikit-learn's wine as a table, for own.md."""
    from sklearn.datasets import load_wine

    wine = load_wine(as_frame=True)
    table = wine.frame.rename(columns={"target": "cultivar"})
    table["cultivar"] = [f"cultivar-{one}" for one in table["cultivar"]]
    table.to_csv(path, index=False)
