"""What the results of a config are measured in."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from nets_deap.config.base import ProblemConfig
from nets_deap.data.sources import is_ours
from nets_deap.models.measure import Measure
from nets_deap.util.errors import NetsError
from nets_deap.util.tensors import metadata_of

TICKET = "ticket"  # in the format of tickets
METRIC = "metric"  # in the metadata of a ticket whose metric is no accuracy


def measure_of(config: ProblemConfig, folder: Path | None = None, build: bool = True) -> Measure | None:
    """The metric of a config's results; None if nobody can say.

    folder: of the results, whose tickets say it
    build: else the network may be made, which imports what of the user's own the config names
    """
    if config.metric is not None:
        return Measure(config.metric)
    if config.loss != "binary" and is_ours(config.dataset):
        return Measure()  # classes: there is no need to load them
    if folder is not None and (told := metric_in(folder, folder / "tickets")):
        return Measure(told)
    if build:
        with suppress(NetsError):  # the data are not there
            return Measure(str(config.problem().architecture.criterion.metric))
    return None


def measure_in(folder: Path, config: Mapping[str, Any]) -> Measure:
    """The metric of the results in a folder, without the network and the data: as its config says, or the
    tickets in it, or the one that it lies beside; accuracy if nobody says.

    config: as stored in the folder
    """
    if config.get("metric"):
        return Measure(str(config["metric"]))
    if is_ours(str(config.get("dataset"))):
        return Measure()
    return Measure(metric_in(folder, folder / "tickets", folder.parent) or Measure().name)


def metric_in(*places: Path) -> str | None:
    """The metric that the first ticket in these folders was measured by; None if there is no ticket."""
    for place in places:
        for path in sorted(place.glob("*.safetensors")):
            with suppress(NetsError):
                if TICKET in (told := metadata_of(path, "ticket")).get("format", ""):
                    return told.get(METRIC, Measure().name)
    return None
