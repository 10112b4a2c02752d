"""The table of a comparison for a paper: a row for each method, a column for each density."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nets_deap.config.measured import measure_of
from nets_deap.experiments.arms import label
from nets_deap.experiments.summary import MISSED, STEPS, Comparison, Summary, methods_of, reference_of
from nets_deap.models.measure import Measure
from nets_deap.models.metrics import LEAST
from nets_deap.search.registry import gives_ticket, method_of
from nets_deap.util import files, typeset
from nets_deap.util.labels import labels

MARKDOWN, LATEX = "table.md", "table.tex"
SIGNIFICANT = 0.05
CERTAIN, TRAINED, NONE = "*", "†", "–"  # marks: a difference, no ticket, no trial


def write(folder: Path, comparison: Comparison, build: bool = True) -> None:
    """Write table.md and table.tex, of the trials that are finished.

    build: as for `measure_of`. Where nobody can say what the figures are, the files are left as they are.
    Raises NetsError if they cannot be written.
    """
    measure = measure_of(comparison.config, folder, build)
    if measure is None or not (summaries := comparison.summaries()):
        return
    config = comparison.config
    named = labels(label(method, config.arms) for method in methods_of(config))
    lines = _lines(comparison, summaries, named, measure)
    notes = _notes(comparison, summaries, named, measure)
    said = " ".join(notes).translate(typeset.IN_MARKDOWN)
    files.write_text(folder / MARKDOWN, f"{typeset.markdown(lines)}\n{said}\n")
    above = "".join(f"% {note}\n" for note in [*notes, "It needs the package booktabs."])
    files.write_text(folder / LATEX, above + typeset.latex(lines))


def _lines(
    comparison: Comparison, summaries: Sequence[Summary], named: dict[str, str], measure: Measure
) -> list[list[str]]:
    """The head, and a line for each method, in the order given."""
    config = comparison.config
    densities = list(dict.fromkeys(config.densities))
    at = {(each.method, each.density): each for each in summaries}
    lines = [["method", *(f"{100 * density:g} %" for density in densities), "search steps"]]
    for method in methods_of(config):
        found = [at.get((method, density)) for density in densities]
        mark = "" if gives_ticket(method) else f" {TRAINED}"
        cells = [_cell(each, measure) if each else NONE for each in found]
        steps = _steps([each for each in found if each])
        lines.append([named[label(method, config.arms)] + mark, *cells, steps])
    return lines


def _cell(summary: Summary, measure: Measure) -> str:
    """Mean ± interval, a mark if it differs from the reference, the density if it is not the one asked."""
    row = summary.row()
    half_width = row["test_acc_half_width"] if row["seeds"] > 1 else math.nan
    certain = CERTAIN if summary.p_holm is not None and summary.p_holm < SIGNIFICANT else ""
    missed = row["density"] < 1 and abs(row["density"] / summary.density - 1) > MISSED
    at = f" (at {100 * row['density']:.3g} %)" if missed else ""
    return measure.between(row["test_acc"], half_width).replace("-", "−") + certain + at


def _steps(summaries: Sequence[Summary]) -> str:
    """Optimiser steps of the search on average, with the least and the most if densities differ."""
    means = [round(float(np.mean(each.values("search_gradient_steps")))) for each in summaries]
    if not means:
        return NONE
    return f"{means[0]:,}" if len(set(means)) == 1 else f"{min(means):,} to {max(means):,}"


def _notes(
    comparison: Comparison, summaries: Sequence[Summary], named: dict[str, str], measure: Measure
) -> list[str]:
    config, cells = comparison.config, [_cell(each, measure) for each in summaries]
    what = f"Test {measure.name.removesuffix(LEAST)}"
    what += " in per cent" if measure.share else " (less is better)" * measure.name.endswith(LEAST)
    counts = sorted({len(each.rows) for each in summaries})
    seeds = " to ".join(map(str, dict.fromkeys([counts[0], counts[-1]])))
    of = f"mean ± 95 % interval over seeds ({seeds})" if counts[-1] > 1 else "one seed"
    notes = [f"{what} at early stop, by density: {of}."]
    reference = reference_of(config)
    tested = [each for each in summaries if each.p_holm is not None]
    if tested:
        beside = any(each.paired_with != reference for each in tested)
        notes.append(
            f"{CERTAIN} differs from {named[label(reference, config.arms)]}"
            + " (of a NeTS's random tickets: from that NeTS)" * beside
            + f" with p < {SIGNIFICANT:g}, in a paired t-test corrected by Holm's method for all tests of "
            "this table."
        )
    if any("(at " in cell for cell in cells):
        notes.append("In brackets: a density that is not the one asked; only equal ones are tested.")
    if not all(map(gives_ticket, methods_of(config))):
        notes.append(f"{TRAINED} a trained network, no ticket.")
    notes += [f"{remark}." for remark in remarks(comparison, summaries)]
    full = {short.partition("+")[0]: name.partition("+")[0] for name, short in named.items()}
    if shortened := [f"{short} is {name}" for short, name in full.items() if short != name]:
        notes.append(f"In full: {'; '.join(shortened)}.")
    return notes


def remarks(comparison: Comparison, summaries: Sequence[Summary]) -> list[str]:
    """What has to be said beside the figures, wherever they stand."""
    told = []
    if comparison.looks > 1:
        told.append(
            f"seeds were added, up to {STEPS[-1]}, until these intervals were narrow: intervals and p are "
            f"corrected for {comparison.looks} looks"
        )
    if any(summary.method.control for summary in summaries):
        told.append("METHOD+CONTROL: its search is that of the ticket it is made from")
    wild = [each.name for each in summaries if not all(map(math.isfinite, each.values("test_loss")))]
    if wild:
        told.append(f"diverged, with some seed: {', '.join(dict.fromkeys(wild))}")
    trained = [each for each in summaries if not gives_ticket(each.method)]
    if at_once := [each.name for each in trained if not method_of(each.method).searches()]:
        names = ", ".join(dict.fromkeys(at_once))
        told.append(f"{names}: the search is the training, without a budget of its own")
    return told
