"""A comparison on few samples, which several tests look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nets_deap.evolution.settings import configure
from nets_deap.experiments.config import CompareConfig

METHODS = "imp:epochs=1,cycles=2,random,rigl"
CSVS = ("trials.csv", "summary.csv")


def config(**options: Any) -> CompareConfig:
    small = {"dataset": "digits", "data_limit": 200, "epochs": 2, "methods": METHODS, "densities": "0.2,0.05"}
    return configure(CompareConfig, **{**small, "seeds": 2, **options})


def texts(folder: Path) -> list[str]:
    return [(folder / name).read_text(encoding="utf-8") for name in CSVS]
