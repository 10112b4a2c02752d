"""What the results of a config are measured in."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nets_deap.config.base import ProblemConfig
from nets_deap.data.sources import is_ours
from nets_deap.models.measure import ACCURACY, Measure
from nets_deap.util import files
from nets_deap.util.errors import NetsError
from nets_deap.util.tensors import metadata_of

if TYPE_CHECKING:
    from nets_deap.problem.problem import Problem

TICKET = "ticket"  # in the format of tickets
OF_TICKET = "metric"  # in the metadata of a ticket whose metric is no accuracy
CONFIG = "config.json"
METRIC = "metric.txt"  # in a folder, where the name of the data set does not say it


def measure_of(config: ProblemConfig, folder: Path | None = None, build: bool = True) -> Measure | None:
    """The metric of a config's results; None if nobody can say.

    folder: of the results, whose tickets say it
    build: else the network may be made, which imports what of the user's own the config names
    """
    if config.metric is not None:
        return Measure(config.metric)
    if folder is not None and (noted := _noted(folder)):
        return Measure(noted)
    if config.loss != "binary" and is_ours(config.dataset):
        return Measure()  # classes: there is no need to load them
    if folder is not None and (told := metric_in(folder, folder / "tickets")):
        return Measure(told)
    if build:
        with suppress(NetsError):  # the data are not there
            return Measure(str(config.problem().architecture.criterion.metric))
    return None


def measure_in(folder: Path, config: Mapping[str, Any]) -> Measure:
    """The metric of the results in a folder, without the network and the data: as its config says, or METRIC,
    or a ticket in it, or the one of the run that it lies in; accuracy if nobody says.

    config: as stored in the folder
    """
    if told := config.get("metric") or _noted(folder):
        return Measure(str(told))
    if is_ours(str(config.get("dataset"))):
        return Measure()
    around = folder.absolute().parent  # of a folder that was written before there was METRIC
    places = (folder, folder / "tickets", *([around] if (around / CONFIG).is_file() else []))
    return Measure(metric_in(*places) or ACCURACY)


def note_metric(folder: Path, problem: Problem) -> None:
    """Write METRIC into a folder, so that its results can be shown without the network and the data."""
    metric = str(problem.architecture.criterion.metric)
    if metric != ACCURACY or not is_ours(problem.dataset_name):
        files.write_text(folder / METRIC, f"{metric}\n")


def _noted(folder: Path) -> str:
    path = folder / METRIC
    return files.read_text(path).strip() if path.is_file() else ""


def metric_in(*places: Path) -> str | None:
    """The metric that the first ticket in these folders was measured by; None if there is no ticket."""
    for place in places:
        for path in sorted(place.glob("*.safetensors")):
            with suppress(NetsError):
                if TICKET in (told := metadata_of(path, "ticket")).get("format", ""):
                    return told.get(OF_TICKET, ACCURACY)
    return None
