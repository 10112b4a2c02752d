"""An evolution in a run folder: started, resumed, and saved after each generation."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nets_deap.config import run_folder
from nets_deap.config.layers import defaults, layered, validate
from nets_deap.config.run_folder import CONFIG, default_folder, read_config
from nets_deap.evolution import checkpoint
from nets_deap.evolution.run import Evolution
from nets_deap.evolution.settings import EvolveConfig
from nets_deap.individuals.evaluation import MinimisedFitness, ParetoFitness
from nets_deap.individuals.halls_of_fame import measured
from nets_deap.parallel.processes import MultiprocessMap
from nets_deap.parallel.serial import SerialMap
from nets_deap.util import files, tables
from nets_deap.util.errors import NetsError
from nets_deap.util.tables import Row


@dataclass(frozen=True)
class Outcome:
    """How a call of `evolve` ended.

    reason: why the run is over, "time limit", or "interrupted"
    finished: False if it can be resumed
    """

    folder: Path
    evolution: Evolution
    reason: str
    finished: bool


def evolve(
    config: EvolveConfig,
    folder: Path,
    engine: SerialMap | MultiprocessMap,
    on_generation: Callable[[Evolution, Row], None] | None = None,
) -> Outcome:
    """Start or resume the evolution in a folder; every complete generation is saved.

    If the folder has a checkpoint, the run continues from it; `settle` checks that it is the same run.
    Ctrl-C stops the run: the generation in progress is lost, the earlier ones are saved.
    """
    evolution = Evolution.of(config, engine)
    start = time.monotonic()
    with files.claimed_folder(folder):
        if (folder / run_folder.CHECKPOINT).exists():
            fitness = ParetoFitness if evolution.pareto else MinimisedFitness
            evolution.restore(checkpoint.load_state(folder / run_folder.CHECKPOINT, fitness))
            _write_results(folder, evolution)
        advanced = False  # every call advances by one generation at least
        try:
            while not (reason := evolution.over):
                if config.time_limit and advanced and time.monotonic() - start > config.time_limit:
                    return Outcome(folder, evolution, "time limit", finished=False)
                row, advanced = evolution.advance(), True
                run_folder.write_config(folder, config)
                _write_results(folder, evolution)
                # Last: once the checkpoint says that the run is over, all other files are complete.
                checkpoint.save_state(folder / run_folder.CHECKPOINT, evolution.state())
                if on_generation:
                    on_generation(evolution, row)
        except KeyboardInterrupt:
            return Outcome(folder, evolution, "interrupted", finished=False)
    return Outcome(folder, evolution, reason, finished=True)


def _write_results(folder: Path, evolution: Evolution) -> None:
    """Write the files derived from the checkpoint: logbook, ticket, and the front of a Pareto run."""
    tables.write_csv(folder / run_folder.LOGBOOK, evolution.logbook)
    evolution.ticket().save(folder / run_folder.TICKET)
    if evolution.pareto and evolution.over:
        _write_front(folder, evolution)


def _write_front(folder: Path, evolution: Evolution) -> None:
    for path in (folder / "front").glob("ticket-*.safetensors"):
        path.unlink()  # left by a shorter run that this one continues
    rows = []
    for i, genome in enumerate(sorted(evolution.hall, key=lambda genome: genome.density)):
        evaluation = measured(genome)
        name = f"front/ticket-{i:03}.safetensors"
        evolution.ticket(genome).save(folder / name)
        rows.append(
            {
                "ticket": name,
                "density": genome.density,
                "val_loss": evaluation.val_loss,
                "val_acc": evaluation.val_acc,
                "fitness": evaluation.fitness,
            }
        )
    tables.write_csv(folder / "front.csv", rows)


def settle(given: dict[str, Any], resume: bool) -> tuple[EvolveConfig, Path]:
    """The config of a run and its folder, from the values that preset, config file and options give.

    If the folder holds a run, values not given come from that run. Given values must agree with it, except
    for where it runs (PLACE_FIELDS) and, when resuming, a larger `gens`. Raises NetsError naming the first
    field that disagrees.
    """
    if given.get("out"):
        folder = Path(given["out"])
    else:
        folder = default_folder(validate(EvolveConfig, layered(defaults(EvolveConfig, given), given)))
    if not (folder / CONFIG).exists():
        if files.strangers(folder):
            raise NetsError(f"{folder} exists and is not a run folder: choose another folder")
        return validate(EvolveConfig, layered(defaults(EvolveConfig, given), given)), folder
    stored = read_config(folder)
    before = validate(EvolveConfig, stored)
    config = validate(EvolveConfig, layered(stored, given))
    if config.gens > before.gens:  # a longer run keeps the density schedule
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
            raise NetsError(f"{folder} holds a run of {old} generations: add `resume` to continue to {value}")
        raise NetsError(
            f"{folder} holds a run with `{name}` {old}, not {value}: "
            "leave the option out, or choose another folder"
        )
    return config, folder
