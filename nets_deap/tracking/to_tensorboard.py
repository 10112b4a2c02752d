"""Event files for TensorBoard, in the subfolder `tensorboard`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nets_deap.tracking.tracker import State

FOUND = ("ticket/density", "ticket/val_acc", "ticket/test_acc")  # beside the settings, in the tab HPARAMS


class Tracker:
    """See `tracker.Tracker`. What another process wrote at the next step or later is void."""

    def __init__(self, folder: Path, name: str, settings: Mapping[str, Any], state: State, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter
        from torch.utils.tensorboard.summary import hparams

        self.writer = SummaryWriter(str(folder / "tensorboard"), purge_step=step)
        if not state.rows:
            plain = (bool, int, float, str)
            told = {key: v if isinstance(v, plain) else str(v) for key, v in settings.items()}
            for summary in hparams(told, dict.fromkeys(FOUND)):
                self.writer._get_file_writer().add_summary(summary)

    def row(self, step: int, values: Mapping[str, float]) -> None:
        for key, value in values.items():
            self.writer.add_scalar(key, value, step)
        self.writer.flush()

    end = row

    def close(self, finished: bool) -> None:
        self.writer.close()
