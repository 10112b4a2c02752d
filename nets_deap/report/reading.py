"""Folders of results, read and checked."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nets_deap.config import run_folder
from nets_deap.config.layers import validate
from nets_deap.evolution.record import finished
from nets_deap.evolution.settings import EvolveConfig
from nets_deap.experiments import comparison_folder, trained, verdict
from nets_deap.experiments.summary import Comparison
from nets_deap.experiments.trial import Key, ticket_path
from nets_deap.problem.budget import Cost
from nets_deap.problem.ticket import Ticket, load_ticket
from nets_deap.report.held import (
    COMPARISON,
    EVOLUTION,
    SEARCH,
    TRAINING,
    VERDICT,
    Compared,
    Found,
    Held,
    Judged,
    Trained,
)
from nets_deap.report.rows import Birth, Epoch, Generation, Point, Survival, Told, UntrainedPoint
from nets_deap.util import digests, files, tables
from nets_deap.util.checksums import crc32
from nets_deap.util.errors import DamagedError, NetsError
from nets_deap.util.schema import Cells, checked
from nets_deap.util.tables import Row
from nets_deap.util.tensors import read_safetensors

SUMMARY, TRAINING_ROWS, WEIGHTS, RANDOM = "summary.json", "training.csv", "trained.safetensors", "random.csv"
FRONT, VERDICT_TOLD, TICKET_MARK = "front.csv", "verdict.json", "ticket.crc32"
UNTRAINED = "untrained_loss"  # the column of a front whose other axis is not the density
MOST_TICKETS = 24  # of a front or a comparison
OURS = (
    "expected the folder of an evolution, another search, a training, a comparison or a verdict; those of "
    "transfers and connectivities can be plotted"
)


def read(paths: Sequence[Path]) -> list[Held]:
    """What the folders hold, each with the trainings and verdicts of its ticket that lie inside it.

    Raises NetsError for a folder that is none of ours or of which nothing is complete, and DamagedError for
    files that are not as they were written.
    """
    labels, asked = _labels(paths), {path.resolve() for path in paths}
    return [one for path, label in zip(paths, labels, strict=True) for one in _with_parts(path, label, asked)]


def _labels(paths: Sequence[Path]) -> list[str]:
    """The shortest ends of the paths that tell them apart."""
    parts = [Path(os.path.abspath(path)).parts for path in paths]
    for length in range(1, max(map(len, parts), default=1) + 1):
        labels = ["/".join(part[-length:]) for part in parts]
        if len(set(labels)) == len(labels):
            return labels
    raise NetsError("a folder is given twice: name each one once")


def _with_parts(folder: Path, label: str, asked: Collection[Path]) -> Iterator[Held]:
    """What a folder holds, and what those inside it do that nobody has asked for by name."""
    whole = _held(folder, label)
    yield whole
    if whole.kind not in (EVOLUTION, SEARCH):
        return
    for part in sorted(folder.iterdir()):
        if part.is_symlink() or part.resolve() in asked:
            continue
        if part.is_dir() and _kind(part) in (TRAINING, VERDICT):
            inner = _held(part, f"{label}/{part.name}")
            if inner.tickets:  # it is of the ticket that is here now
                yield replace(inner, inside=True)


def _kind(folder: Path) -> str | None:
    """By the files that only this kind has."""

    def has(name: str) -> bool:
        return (folder / name).is_file()

    if has(verdict.ROWS):
        return VERDICT
    if has(comparison_folder.TRIALS):
        return COMPARISON
    if has(SUMMARY) and has(TRAINING_ROWS):
        return TRAINING
    if has(run_folder.LOGBOOK) and has(run_folder.TICKET):
        return SEARCH if has(run_folder.COST) else EVOLUTION
    return None


def _held(folder: Path, label: str) -> Held:
    if not folder.is_dir():
        raise NetsError(f"{folder} is not a folder: {OURS}")
    if (kind := _kind(folder)) is None:
        if (folder / run_folder.CONFIG).exists():
            raise NetsError(
                f"{folder} holds a run of which nothing is complete yet, or none to report on: {OURS}"
            )
        raise NetsError(f"{folder} holds nothing to report on: {OURS}")
    config = checked(dict[str, Any], files.read_json(folder / run_folder.CONFIG), folder / run_folder.CONFIG)
    told = {name: _line(folder / name) for name in (run_folder.VERSION, run_folder.DATA)}
    held: dict[str, Any] = {"version": told[run_folder.VERSION], "data": told[run_folder.DATA]}
    match kind:
        case "evolution" | "search":
            ticket = load_ticket(folder / run_folder.TICKET)
            held |= {"tickets": {"ticket": ticket}, "found": _found(folder, kind, ticket)}
        case "training":
            training, name = _training(folder)
            beside = _ticket_beside(folder, lambda ticket: name.endswith(f"-{crc32(*ticket.content())}"))
            held |= {"tickets": beside, "trained": training}
        case "comparison":
            held |= _comparison(folder)
        case "verdict":
            mark, data = _line(folder / TICKET_MARK), held["data"].encode()
            beside = _ticket_beside(folder, lambda ticket: mark == crc32(*ticket.content(), data))
            held |= {"tickets": beside, "judged": _verdict(folder)}
    return Held(folder, label, kind, config, **held)


def _line(path: Path) -> str:
    return files.read_text(path).strip() if path.exists() else ""


def _ticket_beside(folder: Path, is_it: Callable[[Ticket], bool]) -> dict[str, Ticket]:
    """The ticket in the folder around this one, if it is the one that this folder is about."""
    path = folder.absolute().parent / run_folder.TICKET
    if path.is_file() and is_it(ticket := load_ticket(path)):
        return {"ticket": ticket}
    return {}


def _found(folder: Path, kind: str, ticket: Ticket) -> Found:
    rows = table(folder / run_folder.LOGBOOK, Generation if kind == EVOLUTION else Cells)
    if not rows:
        raise NetsError(f"{folder} holds a run of which nothing is complete yet")
    method = str(ticket.info.get("method", "nets"))
    if kind == SEARCH:
        path = folder / run_folder.COST
        return Found(method, rows, "finished", Cost.read(files.read_json(path), path))
    config = validate(EvolveConfig, run_folder.read_config(folder))
    steps = sum(int(row.get("gradient_steps", 0)) for row in rows)
    cost = Cost(gradient_steps=steps, seconds=float(rows[-1]["elapsed_s"]))
    reason = finished(config, rows)
    return Found(
        method,
        rows,
        f"finished: {reason}" if reason else "unfinished",
        cost,
        _front(folder),
        table(folder / run_folder.LINEAGE, Birth),
        table(folder / run_folder.SURVIVAL, Survival),
    )


def table(path: Path, kind: type = Cells) -> list[Row]:
    """The rows of a table, each of this kind; none if there is no such file."""
    rows = tables.read_csv(path) if path.exists() else []
    for row in rows:
        checked(Cells, row, path)
        checked(kind, row, path)
    return rows


def _front(folder: Path) -> list[tuple[str, Row, Ticket]]:
    path = folder / FRONT
    rows = table(path, Point)
    if any(UNTRAINED in row for row in rows):
        for row in rows:
            checked(UntrainedPoint, row, path)
        rows.sort(key=lambda row: float(row[UNTRAINED]))
    else:
        rows.sort(key=lambda row: float(row["density"]))
    if not rows:
        return []
    places = sorted({round(place) for place in np.linspace(0, len(rows) - 1, min(len(rows), MOST_TICKETS))})
    told = []
    for row in (rows[place] for place in places):
        name = Path(row["ticket"])
        if name.is_absolute() or ".." in name.parts:
            raise DamagedError(f"{path} is damaged (it names a file outside its folder)")
        told.append((str(row["ticket"]), row, load_ticket(folder / name)))
    return told


def _training(folder: Path) -> tuple[Trained, str]:
    """The training, and its name, which ends in the checksum of its ticket."""
    summary = trained.read_summary(folder / SUMMARY)
    random: dict[str, list[Row]] = {}
    for row in table(folder / RANDOM, Epoch):
        random.setdefault(str(row.get("ticket")), []).append(row)
    rows = table(folder / TRAINING_ROWS, Epoch)
    if not rows:
        raise DamagedError(f"{folder / TRAINING_ROWS} is damaged (it has no rows)")
    controls = summary.get("random", [])
    return Trained(rows, random, summary["ticket"], controls, _weights(folder / WEIGHTS)), summary["training"]


def _weights(path: Path) -> np.ndarray | None:
    if not path.exists():
        return None
    weights = read_safetensors(path, "trained weights")[1].get("early_stop_weights")
    whole = weights is not None and weights.dtype == np.float32 and bool(np.isfinite(weights).all())
    return weights if whole else None


def _comparison(folder: Path) -> dict[str, Any]:
    config, known = comparison_folder.read_config(folder), comparison_folder.read_rows(folder)
    if not known:
        raise NetsError(f"{folder} holds a comparison of which no trial is complete yet")
    told = Comparison(config, list(known.values()))
    curves = {key: table(folder / name, Key) for name, key in comparison_folder.CURVES.items()}
    try:
        summaries = [summary.row() for summary in told.summaries()]
    except LookupError as error:
        raise DamagedError(f"{folder / comparison_folder.TRIALS} lacks a column ({error})") from error
    seen: dict[tuple[str, float], Ticket] = {}
    for trial in sorted(known, key=lambda trial: (-trial.density, trial.seed)):
        path, key = ticket_path(folder, trial), (str(trial.method), trial.density)
        if key not in seen and path.is_file() and len(seen) < MOST_TICKETS:
            ticket = load_ticket(path)
            if not ticket.mask.all():  # of the dense network there is nothing to see
                seen[key] = ticket
    compared = Compared(summaries, told.rows, curves["training"], curves["logbook"])
    tickets = {f"{method} at {100 * density:g} %": ticket for (method, density), ticket in seen.items()}
    return {"compared": compared, "tickets": tickets}


def _verdict(folder: Path) -> Judged:
    path = folder / verdict.ROWS
    rows = tables.parse(digests.read_text(path), path)
    for row in rows:
        checked(verdict.Trained, row, path)
    if not rows:
        raise NetsError(f"{folder} holds a verdict of which no training is complete yet")
    told = files.read_json(folder / VERDICT_TOLD) if (folder / VERDICT_TOLD).exists() else None
    if told is not None:
        checked(Told, told, folder / VERDICT_TOLD)
    return Judged(rows, told)
