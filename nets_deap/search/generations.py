"""The generations of an evolution in the folder of a search, to go on from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nets_deap.config.run_folder import CHECKPOINT, PREVIOUS
from nets_deap.evolution import checkpoint
from nets_deap.evolution.checkpoint import State
from nets_deap.evolution.settings import EvolutionSettings
from nets_deap.individuals.evaluation import MinimisedFitness, ParetoFitness
from nets_deap.util import files


def newest(
    folder: Path, settings: EvolutionSettings, on_note: Callable[[str], None] | None = None
) -> State | None:
    """The state after the last generation in a folder; None if there is none yet.

    on_note: called if that is not the newest one, which is damaged. Raises NetsError as
    `checkpoint.load_newest` does.
    """
    fitness = ParetoFitness if settings.objectives == 2 else MinimisedFitness
    state, note = checkpoint.load_newest(folder, fitness)
    if note:  # the next save keeps what is there, which must not be the damaged one
        files.keep(folder / PREVIOUS, folder / CHECKPOINT)
        if on_note:
            on_note(note)
    return state


def save(folder: Path, state: State) -> None:
    checkpoint.save_state(folder / CHECKPOINT, state)
