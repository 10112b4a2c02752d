"""What a folder is at a glance, how long it took, its settings, and what it was computed with."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from nets_deap import __version__
from nets_deap.experiments.verdict import NOT_WINNING, TICKET, WINNING
from nets_deap.models.measure import Measure
from nets_deap.report.charts import Chart, Line, bars, lines
from nets_deap.report.comparison import times
from nets_deap.report.held import EVOLUTION, SEARCH, Held
from nets_deap.report.portraits import sizes
from nets_deap.report.sections import Card, Listing, Section, Table
from nets_deap.util import json_text

LIBRARIES = ("torch", "numpy", "deap", "plotly")
Repeat = Callable[[str, Path, Mapping[str, Any]], str]  # kind, folder and config -> a command that repeats it


def summary(helds: Sequence[Held]) -> Section:
    cards = [_card(held, held.measure) for held in helds]
    several = sum(not held.inside for held in helds) > 1
    tables = [_side_by_side(cards)] if several else []
    return Section("summary", "Summary", cards=cards, tables=tables)


def _side_by_side(cards: Sequence[Card]) -> Table:
    names = list(dict.fromkeys(name for card in cards for name, _, _ in card.big))
    rows = []
    for card in cards:
        told = {name: figure for name, figure, _ in card.big}
        rows.append([card.title, card.kind, *(told.get(name, "") for name in names), card.state])
    return Table("Side by side", ["folder", "what", *names, "state"], rows)


def _card(held: Held, measure: Measure) -> Card:
    """A folder's main figures."""
    big: list[tuple[str, str, str]] = []
    state, good = "finished", None
    facts = [
        ("data", _named(held.config, "dataset")),
        ("network", _named(held.config, "arch")),
        ("seed", _named(held.config, "seed")),
    ]
    ticket = next(iter(held.tickets.values()), None) if len(held.tickets) == 1 else None
    if ticket is not None:
        big.append(("density", f"{100 * ticket.density:.3g} %", sizes(ticket)))
    if held.found:
        state = held.found.state
        facts.insert(0, ("method", held.found.method))
        info = ticket.info if ticket else {}
        if isinstance(accuracy := info.get("val_acc"), float):
            big.append((f"validation {measure.name}", measure.shown(accuracy), "in the search"))
        if isinstance(accuracy := info.get("untrained_acc"), float):
            big.append((f"untrained {measure.name}", measure.shown(accuracy), "on validation data"))
        big.append(("budget spent", f"{held.found.cost.gradient_steps:,}", "gradient steps"))
        evaluations = sum(int(row["nevals"]) for row in held.found.rows if isinstance(row.get("nevals"), int))
        facts += [("evaluations", f"{evaluations:,}")] if held.kind == EVOLUTION else []
        facts += [("samples", f"{held.found.cost.samples:,}")] if held.kind == SEARCH else []
        facts.append(("time", _duration(held.found.cost.seconds)))
    if held.trained:
        told = held.trained.summary
        big.append((f"test {measure.name}", measure.shown(told["test_acc"]), "at early stop"))
        if held.trained.controls:
            accuracies = [control["test_acc"] for control in held.trained.controls]
            big.append(
                ("random tickets", measure.shown(float(np.mean(accuracies))), f"mean of {len(accuracies)}")
            )
        facts.append(("early stop at iteration", f"{told['early_stop_iteration']:,}"))
        facts.append(("iterations", f"{int(held.trained.rows[-1].get('iteration', 0)):,}"))
        if told.get("diverged"):
            state, good = "diverged", False
        if ticket is None:
            big.insert(0, ("density", f"{100 * told['density']:.3g} %", "of the weights"))
    if held.compared:
        best = measure.best(held.compared.summaries, lambda row: float(row["test_acc"]))
        big.append(
            (
                f"best test {measure.name}",
                measure.shown(0.01 * best["test_acc"]) if best else "diverged",
                f"{best['method']} at {100 * best['asked']:g} %" if best else "all of them",
            )
        )
        big.append(
            (
                "methods",
                str(len({row["method"] for row in held.compared.summaries})),
                f"{len(held.compared.trials)} trials",
            )
        )
        facts.append(
            (
                "densities",
                ", ".join(
                    f"{100 * d:g} %" for d in dict.fromkeys(row["asked"] for row in held.compared.summaries)
                ),
            )
        )
    if held.judged:
        told_verdict = held.judged.told
        verdict = str(told_verdict["verdict"]) if told_verdict else "unfinished"
        state, good = verdict, {WINNING: True, NOT_WINNING: False}.get(verdict)
        ours = [row["test_acc"] for row in held.judged.rows if row["network"] == TICKET]
        dense = [
            row["test_acc"] for row in held.judged.rows if row["network"] != TICKET and row["density"] == 1
        ]
        for name, values in (("ticket", ours), ("dense network", dense)):
            if values:
                big.append(
                    (
                        f"test {measure.name}, {name}",
                        measure.shown(float(np.mean(values))),
                        f"mean of {len(values)} trainings",
                    )
                )
    return Card(held.label, held.kind, state, good, big, [(name, text) for name, text in facts if text])


def _named(config: Mapping[str, Any], key: str) -> str:
    value = config.get(key)
    return "" if value is None else str(value)


def _duration(seconds: float) -> str:
    if not math.isfinite(seconds):
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def timing(helds: Sequence[Held]) -> Section | None:
    """Seconds of each generation or cycle, and of the trainings; of a comparison, of each method."""
    passed: list[Line] = []
    charts: list[Chart] = []
    for held in helds:
        rows = held.found.rows if held.found else held.trained.rows if held.trained else ()
        told = [row.get("elapsed_s") for row in rows]
        seconds = [float(each) if isinstance(each, int | float) else np.nan for each in told]
        if len(seconds) > 1 and np.isfinite(seconds).all():
            passed.append(
                Line(held.label, range(len(seconds)), seconds, color=len(passed), dash=len(passed) // 6)
            )
        found = times(held.compared) if held.compared else {}
        if np.isfinite(list(found.values())).any():
            parts = {
                "search": [told[0] for told in found.values()],
                "training": [told[1] for told in found.values()],
            }
            charts.append(bars(f"{held.label}: mean time of a trial", list(found), parts, "seconds"))
    if passed:
        each = [
            Line(line.name, line.x[1:], list(np.diff(line.y)), color=line.color, dash=line.dash)
            for line in passed
        ]
        step = "generation, cycle or evaluation"
        charts = [
            lines("Time passed", step, "seconds", passed),
            lines("Time of each", step, "seconds", each),
            *charts,
        ]
    intro = (
        "Wall-clock time, on the machine that it ran on. These figures differ from run to run; no others do."
    )
    return Section("timing", "Timing", intro, charts=charts) if charts else None


def settings(helds: Sequence[Held], repeat: Repeat) -> Section:
    listings = []
    for held in helds:
        if command := repeat(held.kind, held.folder, held.config):
            listings.append(Listing(f"{held.label}: repeat it", command))
        text = json.dumps(json_text.without_wild(dict(held.config)), indent=2, ensure_ascii=False)
        listings.append(Listing(f"{held.label}: config.json", text))
    intro = "A run can be repeated from its config.json alone."
    return Section("settings", "Settings", intro, listings=listings)


def environment(helds: Sequence[Held]) -> Section:
    head = ["folder", "nets-deap", "checksum of the data"]
    rows = [[held.label, held.version or "not recorded", held.data or "not recorded"] for held in helds]
    here = [
        ["nets-deap", __version__],
        ["Python", platform.python_version()],
        ["system", platform.platform(terse=True)],
    ]
    here += [[name, _version(name)] for name in LIBRARIES]
    intro = (
        "Folders record the version of nets-deap and the data that their figures come from. The libraries "
        "are those of the machine that made this page."
    )
    tables = [
        Table("What the figures come from", head, rows),
        Table("What made this page", ["", "version"], here),
    ]
    return Section("environment", "Environment", intro, tables=tables)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
