"""A run of Weights & Biases in the subfolder `wandb`: offline, unless WANDB_MODE says otherwise."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nets_deap.tracking.tracker import State
from nets_deap.util.random_streams import draw_apart

MODE, PROJECT = "WANDB_MODE", "WANDB_PROJECT"


class Tracker:
    """See `tracker.Tracker`. A run that goes on has the same id: `wandb sync` joins its parts."""

    def __init__(self, folder: Path, name: str, settings: Mapping[str, Any], state: State, step: int) -> None:
        import wandb

        self.run = wandb.init(
            project=os.environ.get(PROJECT, "nets-deap"),
            name=name,
            id=state.id,
            resume="allow",
            mode=None if MODE in os.environ else "offline",
            dir=folder.absolute(),  # its own process may be in another folder
            config=dict(settings),
            reinit="create_new",
            settings=wandb.Settings(silent=True, console="off", disable_git=True),
        )
        draw_apart("wandb", "urllib3")  # it has threads, which may draw while a generation does

    def row(self, step: int, values: Mapping[str, float]) -> None:
        self.run.log(dict(values), step=step)

    def end(self, step: int, values: Mapping[str, float]) -> None:
        self.run.summary.update(dict(values))

    def close(self, finished: bool) -> None:
        self.run.finish(0 if finished else 1)
