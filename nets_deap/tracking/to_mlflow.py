"""A run of MLflow: in a database in the subfolder `mlflow`, unless MLFLOW_TRACKING_URI says otherwise."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nets_deap.tracking.tracker import State

SERVER, EXPERIMENT = "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"
LONGEST, MOST = 500, 100  # characters of a parameter, parameters at a time


class Tracker:
    """See `tracker.Tracker`."""

    def __init__(self, folder: Path, name: str, settings: Mapping[str, Any], state: State, step: int) -> None:
        place, local = (folder / "mlflow").absolute(), SERVER not in os.environ
        if local:
            os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow.entities import Metric, Param
        from mlflow.tracking import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.WARNING)
        logging.getLogger("alembic").setLevel(logging.WARNING)
        self.metric = Metric
        self.client = MlflowClient(f"sqlite:///{place / 'mlflow.db'}" if local else None)
        if not state.rows:
            artifacts = f"file:{place / 'artifacts'}" if local else None
            wanted = os.environ.get(EXPERIMENT, "nets-deap")
            known = self.client.get_experiment_by_name(wanted)
            experiment = known.experiment_id if known else self.client.create_experiment(wanted, artifacts)
            state.id = self.client.create_run(experiment, run_name=name).info.run_id
            told = [Param(key, str(value)[:LONGEST]) for key, value in settings.items()]
            for first in range(0, len(told), MOST):
                self.client.log_batch(state.id, params=told[first : first + MOST])
        else:
            self.client.update_run(state.id, "RUNNING")
        self.run = state.id
        self.last = self._last()

    def _last(self) -> int:
        """The last step that is logged: an interruption may have come before that was noted."""
        keys = self.client.get_run(self.run).data.metrics
        histories = [self.client.get_metric_history(self.run, key) for key in list(keys)[:1]]
        return max((told.step for history in histories for told in history), default=-1)

    def row(self, step: int, values: Mapping[str, float]) -> None:
        if step > self.last:
            self.end(step, values)

    def end(self, step: int, values: Mapping[str, float]) -> None:
        now = int(time.time() * 1000)
        self.client.log_batch(self.run, [self.metric(key, value, now, step) for key, value in values.items()])

    def close(self, finished: bool) -> None:
        self.client.set_terminated(self.run, "FINISHED" if finished else "KILLED")
