"""The run folder: config, checkpoint, logbook, tickets. Every write is atomic.

The checkpoint is the run: what is beside it is derived, and written again on resuming. It holds the
population, the elites that are not in it, and the logbook; random numbers need no state, since every
generation starts its own streams. At n genes a generation costs 4n + n/8 bytes per genome, and 4n more
for each trace that informed operators need.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from deap import base
from safetensors import SafetensorError, safe_open

from nets_deap import files
from nets_deap.config import ProblemConfig
from nets_deap.elites import measured
from nets_deap.errors import NetsError
from nets_deap.evolve_config import EvolveConfig
from nets_deap.genome import Evaluation, Genome
from nets_deap.settings import defaults, layered, validate

FORMAT = "nets-deap checkpoint 1"
TRACE = "trace "
CONFIG, CHECKPOINT, LOGBOOK, TICKET, COST = (
    "config.json",
    "checkpoint.safetensors",
    "logbook.csv",
    "ticket.safetensors",
    "cost.json",
)

Row = dict[str, Any]


@dataclass
class State:
    """A run between two generations.

    hall: the elites, or the Pareto front
    best: the genome of least scalar fitness so far
    logbook: one row per generation, 0 first
    checksum: of the training data, so that a run is not resumed on other data
    """

    population: list[Genome]
    hall: list[Genome]
    best: Genome
    logbook: list[Row]
    checksum: str


def default_folder(config: ProblemConfig) -> Path:
    """runs/<dataset>-<arch>-<seed>-<fingerprint>."""
    dataset = "".join(c if c.isalnum() or c in "-_" else "-" for c in Path(config.dataset).name)
    return Path("runs") / f"{dataset}-{config.arch}-{config.seed}-{config.fingerprint()}"


def save_state(path: Path, state: State) -> None:
    """Write a checkpoint: weights float32[g, n], masks packed to bits, the rest as JSON."""
    genomes = list(state.population)
    traces = _common_traces(genomes)

    def place(genome: Genome) -> int:
        """Where it is among the genomes to be stored; none is stored twice."""
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
    """Names of the traces that all of them have: without one, informed operators could not go on."""
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
    """Read a checkpoint. Raises NetsError if it is damaged or not ours."""
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
    """The logbook as the checkpoint holds it; empty where there is no checkpoint yet."""
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


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Rows of the same keys; floats in full precision."""
    import pandas as pd

    files.write_text(path, pd.DataFrame(rows).to_csv(index=False, lineterminator="\n"))


def read_csv(path: Path) -> list[Row]:
    """The rows that `write_csv` wrote, every number as it was; what is missing is NaN.

    Raises NetsError for a file that cannot be read.
    """
    try:
        with path.open(newline="") as file:
            return [
                {key: _value(text) for key, text in row.items()} for row in csv.DictReader(file, strict=True)
            ]
    except (OSError, TypeError, csv.Error, UnicodeDecodeError) as error:
        raise NetsError(f"{path} cannot be read: {error}") from error


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text or math.nan


def write_config(folder: Path, config: ProblemConfig) -> None:
    """The config without what belongs to one call: a folder can be moved, a time limit is not inherited."""
    text = config.model_dump_json(indent=2, exclude={"out", "time_limit"})
    files.write_text(folder / CONFIG, text + "\n")


def read_config(folder: Path, mark: str = "pop", of: str = "an evolution") -> Row:
    """The stored config of a run. Raises NetsError if it is damaged, or has no field `mark`."""
    path = folder / CONFIG
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise NetsError(f"{path} is damaged: delete the run folder to start afresh") from error
    if not isinstance(values, dict) or mark not in values:
        raise NetsError(f"{path} is not the config of {of}: choose another folder")
    return values


def claim(folder: Path, config: ProblemConfig, mark: str, of: str, added: Collection[str] = ()) -> None:
    """Make a folder this config's, by writing it there. Raises NetsError where it is another one's.

    mark, of: the field and the kind that tell these configs, as for `read_config`
    added: fields that may differ, beside those that say where a run happens
    """
    if (folder / CONFIG).exists():
        stored = read_config(folder, mark, of)
        for key, value in config.identity().items():
            # A field that is newer than the folder had its default there.
            before = stored.get(key, type(config).model_fields[key].default)
            if key not in added and before != value:
                raise NetsError(
                    f"{folder} holds {of} with {key.replace('_', '-')} {before}, not {value}: "
                    "choose another --out"
                )
    elif files.strangers(folder):
        raise NetsError(f"{folder} is not empty and holds no {of.partition(' ')[2]}: choose another --out")
    write_config(folder, config)


@contextmanager
def claimed(
    folder: Path, config: ProblemConfig, mark: str, of: str, added: Collection[str] = ()
) -> Iterator[None]:
    """`claim` for as long as a run lasts; one that ends without any results leaves no config."""
    new = not (folder / CONFIG).exists()
    claim(folder, config, mark, of, added)
    try:
        yield
    except BaseException:
        if new and not files.strangers(folder, {CONFIG}):
            (folder / CONFIG).unlink()
        raise


def settle(given: dict[str, Any], resume: bool) -> tuple[EvolveConfig, Path]:
    """The config of a run and its folder, from what preset, config file and options say.

    Where the folder holds a run, what is not said comes from that run, and what is said must agree with it,
    except for where it runs (PLACE_FIELDS) and, resuming, a larger `gens`. Raises NetsError naming the first
    field that does not.
    """
    if given.get("out"):
        folder = Path(given["out"])
    else:
        folder = default_folder(validate(EvolveConfig, layered(defaults(EvolveConfig, given), given)))
    if not (folder / CONFIG).exists():
        if files.strangers(folder):
            raise NetsError(f"{folder} exists and is not a run folder: choose another --out")
        return validate(EvolveConfig, layered(defaults(EvolveConfig, given), given)), folder
    stored = read_config(folder)
    before = validate(EvolveConfig, stored)
    config = validate(EvolveConfig, layered(stored, given))
    if config.gens > before.gens:  # in a longer run the density falls as it did
        stored["density_gens"] = before.resolved_density_gens
        before = before.model_copy(update={"density_gens": before.resolved_density_gens})
        config = validate(EvolveConfig, layered(stored, given))
    for name, value in config.identity().items():
        old = getattr(before, name)
        if value == old:
            continue
        if name == "gens" and value > old:
            if resume:
                continue
            raise NetsError(f"{folder} holds a run of {old} generations: add --resume to go on to {value}")
        raise NetsError(
            f"{folder} holds a run with --{name.replace('_', '-')} {old}, not {value}: "
            "leave the option out, or choose another --out"
        )
    return config, folder
