"""A line on stderr that says how far a search or a comparison is."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from nets_deap.experiments.trial import Trial
from nets_deap.models.measure import Measure
from nets_deap.util.inside import Level, heard

Row = dict[str, Any]
SHOWN = (
    "gen",
    "cycle",
    "density",
    "val_loss",
    "val_loss_min",
    "untrained_loss_min",
    "val_acc",
    "val_acc_best",
    "fitness_min",
)
LULL, LONGEST = 10.0, 60.0  # seconds between two lines on a trial that runs: at first, and later at most
FEW = 3  # trials that run, named in a line


@contextmanager
def progress(title: str, show: bool, length: int, measure: Measure) -> Iterator[Callable[[Row], None]]:
    """Shows each row of a logbook as it comes; nothing unless `show`. length: the number of the last row"""
    with _line(title, show, _counts) as tell:
        yield lambda row: tell(_text(row, length, measure))


@contextmanager
def trials(
    total: int, show: bool, measure: Measure, named: Callable[[Trial], str]
) -> Iterator[Callable[[int, int, Any], None]]:
    """Shows which trials run and how far they are, and the result of each; nothing unless `show`.

    Yields the `on_trial` of a comparison of `total` trials. named: a trial's name
    """
    state = {"done": 0, "of": total}

    def within(levels: Sequence[Level]) -> str:
        running = levels[0].items if levels[0].unit == "item" else ()
        if not running:
            return _counts(levels)
        names = [named(trial) for trial in running[:FEW]] + [f"{len(running) - FEW} more"] * (
            len(running) > FEW
        )
        first, last = state["done"] + 1, min(state["done"] + len(running), state["of"])
        which = f"trial {first}" if first >= last else f"trials {first} to {last}"
        inner = _counts(levels[1:])
        return f"{which} of {state['of']} running: {'; '.join(names)}{inner and ', ' + inner}"

    with _line("comparison", show, within, telling=True) as tell:

        def on_trial(done: int, of: int, outcome: Any) -> None:
            state.update(done=done, of=of)
            what = "done already" if outcome is None else _outcome(outcome, measure, named)
            tell(f"{done} of {of} trials, {what}")

        yield on_trial


def _outcome(outcome: Row | str, measure: Measure, named: Callable[[Trial], str]) -> str:
    if isinstance(outcome, str):
        return f"the last one failed: {outcome}"
    score = measure.shown(outcome["test_acc"]) if math.isfinite(outcome["test_acc"]) else "diverged"
    return f"the last one {named(Trial.of(outcome))}: test {measure.short} {score}"


@contextmanager
def _line(
    title: str, show: bool, within: Callable[[Sequence[Level]], str], telling: bool = False
) -> Iterator[Callable[[str], None]]:
    """A line that changes in a terminal or a notebook, with what runs below it; elsewhere one for each text.

    within: says what the work inside a step is; telling: say it elsewhere, too, now and then
    """
    if not show:
        yield lambda text: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not (console.is_terminal or console.is_jupyter):
        with heard(_Now(title, within) if telling else None):
            yield lambda text: print(f"{title}: {text}", file=sys.stderr)
        return
    columns = (
        SpinnerColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}{task.fields[within]}", markup=False),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(title, total=None, within="")
        with heard(lambda levels: bar.update(task, within=f"\n{within(levels)}")):
            yield lambda text: bar.update(task, description=f"{title}: {text}")


class _Now:
    """A listener that prints what runs: at once, and then less and less often."""

    def __init__(self, title: str, within: Callable[[Sequence[Level]], str]) -> None:
        self.title, self.within, self.due, self.lull = title, within, 0.0, LULL

    def __call__(self, levels: Sequence[Level]) -> None:
        if (now := time.monotonic()) >= self.due:
            self.due, self.lull = now + self.lull, min(LONGEST, 1.5 * self.lull)
            print(f"{self.title}: {self.within(levels)}", file=sys.stderr)


def _counts(levels: Sequence[Level]) -> str:
    """The two outermost counts of work, such as "iteration 30/600"."""
    counts = [f"{level.unit} {level.done:,}/{level.of:,}" for level in levels if level.unit != "item"]
    return ", ".join(counts[:2]) or ", ".join(f"item {level.done:,}/{level.of:,}" for level in levels[:1])


def _text(row: Row, length: int, measure: Measure) -> str:
    told = {key: row[key] for key in SHOWN if key in row}
    texts = [_figure(key, value, measure) for key, value in told.items()]
    if length and texts and not {"gen", "cycle"}.isdisjoint(told):
        texts[0] += f" of {length}"
    return ", ".join(texts)


def _figure(key: str, value: Any, measure: Measure) -> str:
    name = key.replace("_", " ")
    if key.startswith("val_acc"):
        return f"{name.replace('acc', measure.short)} {measure.shown(value)}"
    return f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
