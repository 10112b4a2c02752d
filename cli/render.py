"""Output for people: notes and percentages."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from .options import printable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nets_deap.config.base import ProblemConfig
    from nets_deap.models.measure import Measure
    from nets_deap.util.statistics import Interval


DIVERGED, ACCURACY = "diverged", "accuracy"


def note(text: str) -> None:
    """Tell what went another way than expected, on stderr."""
    from . import journal

    journal.LOG.info("note: %s", text, extra=journal.SHOWN)
    click.echo(f"note: {printable(text)}", err=True)


def set_aside(folder: Path, mark: str, of: str, config: ProblemConfig | None = None) -> None:
    """Rename the folder of an earlier run, and say so; see `anew.set_aside`.

    config: of the new run, whose data, network and device must be there first
    """
    from nets_deap.config.anew import set_aside
    from nets_deap.config.run_folder import is_free

    if config is not None and not is_free(folder):
        _ = config.problem().architecture
        config.torch_device()
    if (aside := set_aside(folder, mark, of)) is not None:
        note(f"the earlier run is now in {aside}")


def tell_network(config: ProblemConfig, given: Mapping[str, Any]) -> None:
    """Say which network is taken on data of the user's own, if it is not among what is `given`."""
    from nets_deap.data.sources import DATASETS
    from nets_deap.util.errors import NetsError

    if "arch" in given or config.dataset in DATASETS:
        return
    with suppress(NetsError):  # which the run raises, too
        _ = config.problem().architecture
        note(f"no network is given: {config.arch} is taken; --model names another")


def measure(config: ProblemConfig, folder: Path | None = None, build: bool = True) -> Measure:
    """As `measure_of`; accuracy if nobody can say."""
    from nets_deap.config.measured import measure_of
    from nets_deap.models.measure import Measure

    return measure_of(config, folder, build) or Measure()


def tell_metric(measured: Measure) -> None:
    """Say where files have a metric that is no accuracy."""
    if measured.name != ACCURACY:
        note(f"the metric is {measured.name}: files have it as val_acc and test_acc")


def score(measured: Measure, value: float, named: bool = False) -> str:
    """A metric, or that the training diverged. named: with its name, if it is no accuracy"""
    if not math.isfinite(value):
        return DIVERGED
    return f"{measured.short} " * (named and measured.name != ACCURACY) + measured.shown(value)


def trust(config: ProblemConfig) -> str:
    """The option that a command on results of this config needs, if code of one's own is in it."""
    from nets_deap.config.named import code_in

    return " --trust" if code_in(config.model_dump()) else ""


def percent(share: float, digits: int = 2) -> str:
    if not math.isfinite(share):
        return DIVERGED
    return f"{100 * share:.{digits}f} %"


def loss(value: float | None) -> str:
    """A loss, or in words that its training diverged: it is not finite, or an evolution's worst."""
    from nets_deap.individuals.evaluation import WORST

    return f"{value:.4f}" if value is not None and abs(value) < WORST else DIVERGED


def interval(told: Interval, digits: int = 2) -> str:
    """mean ± half-width; a single value has no half-width."""
    mean = f"{told.mean:.{digits}f}"
    return mean if math.isnan(told.half_width) else f"{mean} ± {told.half_width:.{digits}f}"


def plain(value: object) -> str:
    """A number or a text, as it is listed."""
    return (
        f"{value:,}" if isinstance(value, int) else f"{value:.6g}" if isinstance(value, float) else str(value)
    )


def p_value(told: float) -> str:
    return "<0.001" if told < 0.001 else f"{told:.3f}"
