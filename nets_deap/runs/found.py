"""The folders of runs below a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from nets_deap.runs.folder import CONFIG, DAMAGED, Held, held
from nets_deap.util.errors import DamagedError, NetsError


def runs_in(place: Path | str) -> Iterator[Held]:
    """Every run in a folder and below it, in the order of their names. Links are not followed.

    A folder whose config cannot be read is told as damaged; one with another config.json is passed over.
    """
    for root, folders, names in os.walk(Path(place)):
        folders.sort()
        if CONFIG not in names:
            continue
        folder = Path(root)
        try:
            yield held(folder)
        except DamagedError as error:
            changed = (folder / CONFIG).stat().st_mtime
            yield Held(folder, "", "", "", "", 0, DAMAGED, changed, facts={"damaged": str(error)})
        except NetsError:
            continue
