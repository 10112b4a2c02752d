"""The checkpoint of an evolution, written atomically.

A run resumes from its checkpoint alone; the other files of its folder are derived, and written again on
resuming. It holds the population, the elites that are not in it, and the logbook. Random numbers need no
state, because every generation starts its own streams. With n genes, a checkpoint takes 4n + n/8 bytes per
genome, and 4n more for each trace that informed operators need.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from deap import base
from safetensors import SafetensorError, safe_open

from nets_deap.config.run_folder import CHECKPOINT
from nets_deap.individuals.evaluation import Evaluation
from nets_deap.individuals.genome import Genome
from nets_deap.individuals.halls_of_fame import measured
from nets_deap.util import files
from nets_deap.util.errors import NetsError
from nets_deap.util.tables import Row

FORMAT = "nets-deap checkpoint 1"
TRACE = "trace "


@dataclass
class State:
    """The state of a run between two generations.

    hall: the elites, or the Pareto front
    best: the genome of least scalar fitness so far
    logbook: one row per generation, from 0
    checksum: of the training data, so that a run is not resumed on other data
    """

    population: list[Genome]
    hall: list[Genome]
    best: Genome
    logbook: list[Row]
    checksum: str


def save_state(path: Path, state: State) -> None:
    """Write a checkpoint: weights float32[g, n], masks packed to bits, the rest as JSON."""
    genomes = list(state.population)
    traces = _common_traces(genomes)

    def place(genome: Genome) -> int:
        """A genome's index among those to be stored; identical genomes are stored once."""
        found = next((i for i, other in enumerate(genomes) if other.identical(genome)), len(genomes))
        if found == len(genomes):
            genomes.append(genome)
        return found

    hall, best = [place(genome) for genome in state.hall], place(state.best)
    described = {
        "genomes": [_describe(genome) for genome in genomes],
        "population": len(state.population),
        "hall": hall,
        "best": best,
        "logbook": state.logbook,
        "checksum": state.checksum,
        "size": genomes[0].mask.size,
        "traces": traces,
    }
    tensors: dict[str, list[np.ndarray]] = {
        "weights": [genome.weights for genome in genomes],
        "masks": [np.packbits(genome.mask) for genome in genomes],
    }
    for name in traces:
        tensors[TRACE + name] = [measured(genome).traces[name] for genome in genomes]
    files.write_safetensors(path, tensors, {"format": FORMAT, "state": json.dumps(described)})


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
    }


def load_state(path: Path, fitness: type[base.Fitness]) -> State:
    """Read a checkpoint. Raises NetsError if it is damaged or of another format."""
    try:
        with safe_open(str(path), framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise NetsError(f"{path} is no checkpoint of format '{FORMAT}'")
            described = json.loads(metadata["state"])
            weights = file.get_tensor("weights")
            masks = np.unpackbits(file.get_tensor("masks"), axis=1, count=described["size"])
            traces = {name: file.get_tensor(TRACE + name) for name in described.get("traces", [])}
        genomes = []
        for i, row in enumerate(described["genomes"]):
            genome = Genome(weights[i], masks[i], fitness)
            genome.fitness.values = row["values"]
            genome.traits = {name: np.array(value) for name, value in row.get("traits", {}).items()}
            genome.measured = _evaluation(row["evaluation"], {name: t[i] for name, t in traces.items()})
            genomes.append(genome)
        count = described["population"]
        hall = [genomes[i] for i in described["hall"]]
        best = genomes[described["best"]]
        return State(genomes[:count], hall, best, described["logbook"], described["checksum"])
    except (OSError, SafetensorError, KeyError, IndexError, TypeError, ValueError) as error:
        raise _damaged(path, error) from error


def read_logbook(folder: Path) -> list[Row]:
    """The logbook in the checkpoint; empty if there is no checkpoint yet."""
    path = folder / CHECKPOINT
    if not path.exists():
        return []
    try:
        with safe_open(str(path), framework="numpy") as file:
            return list(json.loads((file.metadata() or {})["state"])["logbook"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> NetsError:
    reason = str(error).splitlines()[0]
    return NetsError(f"checkpoint {path} is damaged ({reason}): delete the run folder to start afresh")


def _evaluation(row: Row | None, traces: dict[str, np.ndarray]) -> Evaluation | None:
    if row is None:
        return None
    tuples = {key: tuple(row[key]) for key in ("class_losses", "values")}
    return Evaluation(**{**row, **tuples, "traces": traces})
