"""An evolution in a run folder: started, resumed, and saved after each generation."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nets_deap.config import named, run_folder
from nets_deap.config.layers import defaults, layered, validate
from nets_deap.config.run_folder import CONFIG, default_folder, read_config
from nets_deap.evolution import checkpoint
from nets_deap.evolution.run import Evolution
from nets_deap.evolution.settings import EvolveConfig
from nets_deap.individuals.evaluation import MinimisedFitness, ParetoFitness
from nets_deap.individuals.halls_of_fame import measured
from nets_deap.parallel.protocol import Map
from nets_deap.tracking import names as trackers
from nets_deap.tracking.log import tracked
from nets_deap.util import files, tables
from nets_deap.util.errors import NetsError, shortened
from nets_deap.util.tables import Row

logger = logging.getLogger(__name__)


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
    engine: Map,
    on_generation: Callable[[Evolution, Row], None] | None = None,
    resume: bool = True,
    on_note: Callable[[str], None] | None = None,
) -> Outcome:
    """Start or resume the evolution in a folder; every complete generation is saved.

    If the folder has a checkpoint, the run continues from it.
    Ctrl-C stops the run: the generation in progress is lost, the earlier ones are saved.
    resume: may it go on with an unfinished run? on_note: called with what went another way than expected
    Raises NetsError if the folder holds another run.
    """
    evolution = Evolution.of(config, engine)
    start = time.monotonic()
    with run_folder.held(folder), tracked(config.log, folder, config.identity()) as log:
        # Again, under the lock: another process may have been here since `settle`.
        _check_same(config, folder, resume)
        fitness = ParetoFitness if evolution.pareto else MinimisedFitness
        state, note = checkpoint.load_newest(folder, fitness)
        if note and on_note:
            on_note(note)
        if state is not None:
            evolution.restore(state)
            run_folder.check_origin(folder, evolution.problem)
            if note:  # the next save keeps what is there, which must not be the damaged one
                files.keep(folder / run_folder.PREVIOUS, folder / run_folder.CHECKPOINT)
            if not (resume or evolution.over):
                raise NetsError(f"{folder} holds an unfinished run: add `resume`, or choose another `out`")
            _write_results(folder, evolution)
        run_folder.begun(folder)
        log.begin(evolution.logbook)
        advanced = False  # every call advances by one generation at least
        try:
            while not (reason := evolution.over):
                if config.time_limit and advanced and time.monotonic() - start > config.time_limit:
                    return _over(Outcome(folder, evolution, "time limit", finished=False))
                row, advanced = evolution.advance(), True
                run_folder.write_config(folder, config)
                run_folder.write_origin(folder, evolution.problem)
                # The first checkpoint comes before all that follows from it, and so there is no ticket of a
                # run that cannot go on. Later it comes last: once it says that the run is over, all other
                # files are complete.
                if first := not checkpoint.exists(folder):
                    checkpoint.save_state(folder / run_folder.CHECKPOINT, evolution.state())
                _write_results(folder, evolution)
                if not first:
                    checkpoint.save_state(folder / run_folder.CHECKPOINT, evolution.state())
                logger.info("saved: %s", tables.in_words(row))
                log.rows(evolution.logbook)
                if on_generation:
                    on_generation(evolution, row)
        except KeyboardInterrupt:
            return _over(Outcome(folder, evolution, "interrupted", finished=False))
        ticket = evolution.ticket()
        log.end(evolution.logbook, {"density": ticket.density, "val_acc": ticket.info["val_acc"]})
        return _over(Outcome(folder, evolution, reason, finished=True))


def _over(outcome: Outcome) -> Outcome:
    logger.info("%s: %s", "finished" if outcome.finished else "unfinished", outcome.reason)
    return outcome


def is_complete(folder: Path) -> bool:
    """Does a folder have the files that are derived from its checkpoint?"""
    return all((folder / name).is_file() for name in (run_folder.LOGBOOK, run_folder.TICKET))


def _write_results(folder: Path, evolution: Evolution) -> None:
    """Write the files derived from the checkpoint: logbook, ticket, lineage, the front of a Pareto run."""
    tables.write_csv(folder / run_folder.LOGBOOK, evolution.logbook)
    evolution.ticket().save(folder / run_folder.TICKET)
    tables.write_csv(folder / run_folder.LINEAGE, evolution.lineage.rows(evolution.best))
    if survival := evolution.lineage.survival():  # none before the second generation
        tables.write_csv(folder / run_folder.SURVIVAL, survival)
    if evolution.pareto and evolution.over:
        _write_front(folder, evolution)


def _write_front(folder: Path, evolution: Evolution) -> None:
    files.refuse_link(folder / "front")
    for path in (folder / "front").glob("ticket-*.safetensors"):
        path.unlink()  # left by a shorter run that this one continues
    rows = []
    # by the other objective than the validation loss: the density, or the untrained loss
    for i, genome in enumerate(sorted(evolution.hall, key=lambda genome: genome.fitness.values[1])):
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
        if evaluation.untrained_loss is not None:
            told = {"untrained_loss": evaluation.untrained_loss, "untrained_acc": evaluation.untrained_acc}
            rows[-1] |= told
    tables.write_csv(folder / "front.csv", rows)


def settle(
    given: dict[str, Any], resume: bool, trust: bool = False, fresh: bool = False
) -> tuple[EvolveConfig, Path]:
    """The config of a run and its folder, from the values that preset, config file and options give.

    If the folder holds a run, and it is not to begin anew (`fresh`), values not given come from that run.
    Given values must agree with it, except for where it runs (PLACE_FIELDS) and, when resuming, a larger
    `gens`. Raises NetsError naming the first field that disagrees, and for code that only the stored run
    names, unless `trust`.
    """
    if given.get("out"):
        folder = Path(given["out"])
    else:
        folder = default_folder(validate(EvolveConfig, layered(defaults(EvolveConfig, given), given)))
    trackers.check(given.get("log"))
    if fresh or run_folder.is_free(folder):
        return validate(EvolveConfig, layered(defaults(EvolveConfig, given), given)), folder
    stored = _stored(folder)
    if not trust:
        named.refuse_code(stored, given, folder / CONFIG)
    before = validate(EvolveConfig, stored)
    config = validate(EvolveConfig, layered(stored, given))
    if config.gens > before.gens:  # a longer run keeps the density schedule
        stored["density_gens"] = before.resolved_density_gens
        config = validate(EvolveConfig, layered(stored, given))
    _check_agrees(before, config, folder, resume)
    return config, folder


def _stored(folder: Path) -> Row:
    """The config in a folder. Raises NetsError if it holds none."""
    if not (folder / CONFIG).exists():
        raise NetsError(f"{folder} exists and is not a run folder: choose another folder")
    return read_config(folder)


def _check_same(config: EvolveConfig, folder: Path, resume: bool) -> None:
    """Raise NetsError if a folder holds another run than this config's."""
    if not run_folder.is_free(folder):
        _check_agrees(validate(EvolveConfig, _stored(folder)), config, folder, resume)


def _check_agrees(before: EvolveConfig, config: EvolveConfig, folder: Path, resume: bool) -> None:
    """Raise NetsError naming the first field in which a config disagrees with that of the stored run."""
    longer = config.gens > before.gens
    for name, value in config.identity().items():
        old = getattr(before, name)
        if name == "density_gens" and longer:
            old, value = before.resolved_density_gens, config.resolved_density_gens  # noqa: PLW2901
        if value == old:
            continue
        if name == "gens" and longer:
            if resume:
                continue
            raise NetsError(f"{folder} holds a run of {old} generations: add `resume` to continue to {value}")
        raise NetsError(
            f"{folder} holds a run with `{name}` {shortened(str(old), 60)}, not {shortened(str(value), 60)}: "
            "leave the option out, or choose another folder"
        )
