"""The table of a comparison for a paper: a row for each method, a column for each density."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nets_deap.config.measured import measure_of
from nets_deap.experiments.arms import label
from nets_deap.experiments.summary import DENSE, MISSED, Comparison, Summary, reference_of
from nets_deap.models.measure import Measure
from nets_deap.search.registry import gives_ticket
from nets_deap.util import files, typeset
from nets_deap.util.labels import labels

MARKDOWN, LATEX = "table.md", "table.tex"
SIGNIFICANT = 0.05
CERTAIN, TRAINED, NONE = "*", "†", "–"  # marks: a difference, no ticket, no trial


def write(folder: Path, comparison: Comparison) -> None:
    """Write table.md and table.tex. Raises NetsError if they cannot be written."""
    if not (summaries := comparison.summaries()):
        return
    measure = measure_of(comparison.config)
    lines, notes = _lines(summaries, measure), _notes(comparison, summaries, measure)
    said = " ".join(notes).translate(typeset.IN_MARKDOWN)
    files.write_text(folder / MARKDOWN, f"{typeset.markdown(lines)}\n{said}\n")
    above = "".join(f"% {note}\n" for note in [*notes, "It needs the package booktabs."])
    files.write_text(folder / LATEX, above + typeset.latex(lines))


def _lines(summaries: Sequence[Summary], measure: Measure) -> list[list[str]]:
    """The head, and a line for each method, in the order given."""
    densities = list(dict.fromkeys(each.density for each in summaries))
    at, named = {(each.name, each.density): each for each in summaries}, _short(summaries)
    lines = [["method", *(f"{100 * density:g} %" for density in densities), "search steps"]]
    for name in dict.fromkeys(each.name for each in summaries):
        found = [at.get((name, density)) for density in densities]
        there = [each for each in found if each]
        mark = "" if gives_ticket(there[0].method) else f" {TRAINED}"
        cells = [_cell(each, measure) if each else NONE for each in found]
        lines.append([named[name] + mark, *cells, _steps(there)])
    return lines


def _short(summaries: Sequence[Summary]) -> dict[str, str]:
    """The name of each method or arm -> the same with as few options as tell it from the others."""
    return labels(each.name for each in summaries)


def _cell(summary: Summary, measure: Measure) -> str:
    """Mean ± interval, a mark if it differs from the reference, the density if it is not the one asked."""
    row = summary.row()
    half_width = row["test_acc_half_width"] if row["seeds"] > 1 else math.nan
    certain = CERTAIN if summary.p_holm is not None and summary.p_holm < SIGNIFICANT else ""
    missed = summary.method.name != DENSE and abs(row["density"] / summary.density - 1) > MISSED
    at = f" (at {100 * row['density']:.3g} %)" if missed else ""
    return measure.between(row["test_acc"], half_width) + certain + at


def _steps(summaries: Sequence[Summary]) -> str:
    """Optimiser steps of the search on average, with the least and the most if densities differ."""
    means = [round(float(np.mean(each.values("search_gradient_steps")))) for each in summaries]
    return f"{means[0]:,}" if len(set(means)) == 1 else f"{min(means):,} to {max(means):,}"


def _notes(comparison: Comparison, summaries: Sequence[Summary], measure: Measure) -> list[str]:
    counts = sorted({len(each.rows) for each in summaries})
    seeds = " to ".join(map(str, dict.fromkeys([counts[0], counts[-1]])))
    per_cent = " in per cent" if measure.share else ""
    notes = [
        f"Test {measure.name}{per_cent} at early stop, by density: mean ± 95 % interval over seeds ({seeds})."
    ]
    if any(each.p_holm is not None for each in summaries):
        reference = _short(summaries)[label(reference_of(comparison.config), comparison.config.arms)]
        beside = any(each.paired_with != reference_of(comparison.config) for each in summaries)
        notes.append(
            f"{CERTAIN} differs from {reference}"
            + " (of a NeTS's random tickets: from that NeTS)" * beside
            + f" with p < {SIGNIFICANT:g}, in a paired t-test corrected by Holm's method for all tests of "
            "this table."
        )
    if not all(gives_ticket(each.method) for each in summaries):
        notes.append(f"{TRAINED} a trained network, no ticket.")
    shortened = [f"{short} is {name}" for name, short in _short(summaries).items() if short != name]
    if shortened:
        notes.append(f"In full: {'; '.join(shortened)}.")
    return notes
