"""What the results of a config are measured in."""

from __future__ import annotations

from nets_deap.config.base import ProblemConfig
from nets_deap.data.sources import is_ours
from nets_deap.models.measure import ACCURACY, Measure
from nets_deap.util.errors import NetsError


def measure_of(config: ProblemConfig) -> Measure:
    """The metric of the config's results. Data that are not there are accepted: results are shown anyway."""
    if config.metric is None and config.loss != "binary" and is_ours(config.dataset):
        return Measure()  # classes: there is no need to load them
    try:
        return Measure(str(config.problem().architecture.criterion.metric))
    except NetsError:
        return Measure(config.metric or ACCURACY)
