"""The checkpoint of an evolution, written atomically.

A run resumes from its checkpoint alone; the other files of its folder are derived, and written again on
resuming. It holds the population, the elites that are not in it, and the logbook. Random numbers of an
evolution need no state, because every generation starts its own streams. With n genes, a checkpoint takes
4n + n/8 bytes per genome, and 4n more for each trace that informed operators need. Weights that all genomes
share are there once.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
from deap import base
from pydantic import BaseModel, ConfigDict, Field, model_validator

from nets_deap.config.run_folder import CHECKPOINT, PREVIOUS
from nets_deap.evolution.lineage import Lineage
from nets_deap.individuals.evaluation import Evaluation
from nets_deap.individuals.genome import Genome, Origin
from nets_deap.individuals.halls_of_fame import measured
from nets_deap.problem.budget import Cost
from nets_deap.util import files
from nets_deap.util.errors import DamagedError, NetsError
from nets_deap.util.schema import Cells, Real, Whole, checked
from nets_deap.util.tables import Row
from nets_deap.util.tensors import read_safetensors, write_safetensors

FORMAT = "nets-deap checkpoint 1"
TRACE = "trace "
COLUMNS = ("fitness_min", "nevals", "elapsed_s")  # of a logbook, that a run goes on from
RESTORE = "restore the folder from a copy, or choose another `out`"
Loaded = TypeVar("Loaded")
Logbook = Annotated[list[Cells], Field(min_length=1)]


@dataclass
class State:
    """The state of a run between two generations.

    hall: the elites, or the Pareto front
    best: the genome of least scalar fitness so far
    logbook: one row per generation, from 0
    checksum: of the training data, so that a run is not resumed on other data
    lineage: where its genomes come from
    spent: of a search within a budget, what it has taken so far
    drawing: of a search that has one stream of random numbers for all generations, where it stands, as JSON
        holds it
    """

    population: list[Genome]
    hall: list[Genome]
    best: Genome
    logbook: list[Row]
    checksum: str
    lineage: Lineage = field(default_factory=Lineage)
    spent: Cost | None = None
    drawing: Row | None = None


def save_state(path: Path, state: State) -> None:
    """Write a checkpoint: weights float32[g, n], masks packed to bits, the rest as JSON.

    The one before is kept beside it, as PREVIOUS.
    """
    genomes = list(state.population)
    traces = _common_traces(genomes)

    def place(genome: Genome) -> int:
        """A genome's index among those to be stored; identical genomes are stored once."""
        found = next((i for i, other in enumerate(genomes) if other.identical(genome)), len(genomes))
        if found == len(genomes):
            genomes.append(genome)
        return found

    first = genomes[0].weights
    hall, best = [place(genome) for genome in state.hall], place(state.best)
    alike = all(np.array_equal(genome.weights, first) for genome in genomes)
    described = {
        "genomes": [_describe(genome) for genome in genomes],
        "population": len(state.population),
        "hall": hall,
        "best": best,
        "logbook": state.logbook,
        "checksum": state.checksum,
        "size": genomes[0].mask.size,
        "traces": traces,
        "lineage": state.lineage.described(),
        "spent": asdict(state.spent) if state.spent else None,
        "alike": alike,
        "drawing": state.drawing,
    }
    tensors: dict[str, list[np.ndarray]] = {
        "weights": [first] if alike else [genome.weights for genome in genomes],
        "masks": [np.packbits(genome.mask) for genome in genomes],
    }
    for name in traces:
        tensors[TRACE + name] = [measured(genome).traces[name] for genome in genomes]
    metadata = {"format": FORMAT, "state": json.dumps(described)}
    files.keep(path, path.with_name(PREVIOUS))
    write_safetensors(path, tensors, metadata)


def _common_traces(genomes: Sequence[Genome]) -> list[str]:
    """Names of the traces that all these genomes have; informed operators need them after resuming."""
    left = [set(genome.evaluation.traces) if genome.evaluation else set() for genome in genomes]
    return sorted(set.intersection(*left))


def _describe(genome: Genome) -> Row:
    evaluation = genome.evaluation
    return {
        "values": genome.fitness.values,
        "traits": {name: value.tolist() for name, value in genome.traits.items()},
        "evaluation": asdict(replace(evaluation, traces={})) if evaluation else None,
        "birth": genome.origin.birth,
    }


class _Measured(BaseModel):
    """An `Evaluation` without its traces."""

    model_config = ConfigDict(strict=True, extra="forbid")

    val_loss: Real
    val_acc: Real
    density: Real
    class_losses: list[Real]
    generation: Whole
    fitness: Real = math.nan
    values: list[Real] = []
    gradient_steps: Whole = 0
    times: Whole = 1
    planned: Real | None = None
    untrained_loss: Real | None = None
    untrained_acc: Real | None = None
    traces: dict[str, Real] = Field({}, max_length=0)  # they are tensors


class _Genome(BaseModel):
    model_config = ConfigDict(strict=True)

    values: list[Real]
    traits: dict[str, list[Real]] = {}
    evaluation: _Measured | None
    birth: Annotated[int, Field(ge=0)] | None = None


class _State(BaseModel):
    """The state in a checkpoint's metadata, as JSON."""

    model_config = ConfigDict(strict=True)

    genomes: list[_Genome] = Field(min_length=1)
    population: int = Field(ge=1)
    hall: list[Annotated[int, Field(ge=0)]] = Field(min_length=1)
    best: int = Field(ge=0)
    logbook: Logbook
    checksum: str
    size: int = Field(ge=1)
    traces: list[str] = []
    lineage: Any = None  # checkpoints of earlier versions have none
    spent: Any = None
    alike: bool = False
    drawing: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> _State:
        if max(self.population - 1, self.best, *self.hall) >= len(self.genomes):
            raise ValueError("it names genomes that it does not hold")
        first = self.logbook[0].get("gen")
        for place, row in enumerate(self.logbook):
            if type(first) is not int or type(row.get("gen")) is not int or row["gen"] != first + place:
                raise ValueError("its logbook skips generations")
        return self

    def shapes(self) -> dict[str, tuple[np.dtype, tuple[int, ...]]]:
        """dtype and shape of each tensor beside this state."""
        count = len(self.genomes)
        whole = (np.dtype(np.float32), (count, self.size))
        shapes: dict[str, tuple[np.dtype, tuple[int, ...]]] = {"weights": whole}
        if self.alike:
            shapes["weights"] = (np.dtype(np.float32), (1, self.size))
        shapes["masks"] = (np.dtype(np.uint8), (count, -(-self.size // 8)))
        return shapes | dict.fromkeys((TRACE + name for name in self.traces), whole)


def load_state(path: Path, fitness: type[base.Fitness]) -> State:
    """Read a checkpoint. Raises NetsError if it cannot be read, DamagedError if it is not as written."""
    metadata, tensors = read_safetensors(path, "checkpoint")
    told = _described(path, metadata)
    for name, (dtype, shape) in told.shapes().items():
        if name not in tensors or (tensors[name].dtype, tensors[name].shape) != (dtype, shape):
            raise DamagedError(f"checkpoint {path} is damaged ({name[:40]} is not what it describes)")
    masks = np.unpackbits(tensors["masks"], axis=1, count=told.size)
    genomes = []
    for i, row in enumerate(told.genomes):
        weights = tensors["weights"][0].copy() if told.alike else tensors["weights"][i]
        genome = Genome(weights, masks[i], fitness)
        if len(row.values) != len(fitness.weights):
            raise DamagedError(f"checkpoint {path} is damaged (a fitness of {len(row.values)} values)")
        genome.fitness.values = tuple(row.values)
        genome.traits = {name: np.array(value, dtype=float) for name, value in row.traits.items()}
        genome.origin = Origin(row.birth)
        if row.evaluation is not None:
            traces = {name: tensors[TRACE + name][i] for name in told.traces}
            genome.measured = _evaluation(row.evaluation, traces)
        genomes.append(genome)
    hall = [genomes[i] for i in told.hall]
    rows: list[Row] = [dict(row) for row in told.logbook]
    lineage = Lineage() if told.lineage is None else Lineage.of(told.lineage, f"checkpoint {path}")
    spent = None if told.spent is None else Cost.read(told.spent, f"checkpoint {path}")
    population, best = genomes[: told.population], genomes[told.best]
    return State(population, hall, best, rows, told.checksum, lineage, spent, told.drawing)


def load_newest(
    folder: Path, fitness: type[base.Fitness], columns: Collection[str] = COLUMNS
) -> tuple[State | None, str]:
    """The state to continue from, and a note if that is not the newest; None if there is no checkpoint.

    The checkpoint before is kept, and taken if the newest one is damaged or was just being replaced.
    Raises NetsError if neither can be read.
    """

    def load(path: Path) -> State:
        state = load_state(path, fitness)
        if not all(genome.evaluation for genome in (*state.population, *state.hall, state.best)):
            raise DamagedError(f"checkpoint {path} is damaged (a genome's fitness is none that it was given)")
        _check_columns(path, state.logbook, columns)
        return state

    return _newest(folder, load)


def read_logbook(folder: Path) -> list[Row]:
    """The logbook in the checkpoint; empty if there is none yet. Raises NetsError as `load_newest`."""

    def load(path: Path) -> list[Row]:
        rows: list[Row] = [
            dict(row) for row in _described(path, read_safetensors(path, "checkpoint")[0]).logbook
        ]
        _check_columns(path, rows)
        return rows

    return _newest(folder, load)[0] or []


def _newest(folder: Path, load: Callable[[Path], Loaded]) -> tuple[Loaded | None, str]:
    newest, before = folder / CHECKPOINT, folder / PREVIOUS
    if not newest.exists():
        return (load(before) if before.exists() else None), ""
    try:
        return load(newest), ""
    except DamagedError as error:
        try:
            return load(before), f"{error}: continuing from the one before"
        except NetsError:
            raise DamagedError(f"{error}, and there is no whole one before it: {RESTORE}") from error


def exists(folder: Path) -> bool:
    """Is there a checkpoint to continue from?"""
    return (folder / CHECKPOINT).exists() or (folder / PREVIOUS).exists()


def _check_columns(path: Path, rows: list[Row], columns: Collection[str] = COLUMNS) -> None:
    """Raise DamagedError unless the rows have the numbers that a run goes on from."""
    for row in rows:
        if not all(isinstance(row.get(key), int | float) for key in columns):
            raise DamagedError(f"checkpoint {path} is damaged (its logbook lacks columns)")


def _described(path: Path, metadata: dict[str, str]) -> _State:
    """The state in the metadata. Raises DamagedError if it is none."""
    if metadata.get("format") != FORMAT:
        raise DamagedError(f"{path} is no checkpoint of format '{FORMAT}'")
    what = f"checkpoint {path}"
    return checked(_State, files.parsed(metadata.get("state", ""), what), what)


def _evaluation(told: _Measured, traces: dict[str, np.ndarray]) -> Evaluation:
    values = told.model_dump()
    tuples = {key: tuple(values[key]) for key in ("class_losses", "values")}
    return Evaluation(**{**values, **tuples, "traces": traces})
