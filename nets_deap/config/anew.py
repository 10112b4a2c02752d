"""Beginning a run anew: what an earlier one has left is kept, under another name."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

from nets_deap.config import run_folder
from nets_deap.util import files, locks
from nets_deap.util.errors import NetsError


def set_aside(folder: Path, mark: str, of: str) -> Path | None:
    """Rename the folder of an earlier run to NAME-before-1, or the next number; returns where it is now.

    mark, of: a field that only this kind of config has, and the kind in words, as for `read_config`
    None if there is no earlier run. Raises NetsError for a folder that holds something else, for a link,
    for one in which a run or the user is at work, and if it cannot be renamed.
    """
    if run_folder.is_free(folder):
        return None
    if not (folder / run_folder.CONFIG).exists():
        raise NetsError(f"{folder} is not the folder of {of}: choose another `out`")
    run_folder.read_config(folder, mark, of)
    if locks.is_held(folder / files.LOCK):
        raise NetsError(f"another run is at work in {folder}: wait, or choose another `out`")
    if folder.is_symlink():
        raise NetsError(f"{folder} is a symbolic link, which is not renamed: choose another `out`")
    whole, here = Path(os.path.realpath(folder)), Path(os.path.realpath(Path.cwd()))
    if whole in (here, *here.parents):
        raise NetsError(f"{folder} is where you are, and would be renamed: leave it, or choose another `out`")
    names = (whole.with_name(f"{whole.name}-before-{n}") for n in itertools.count(1))
    aside = next(name for name in names if not os.path.lexists(name))
    try:
        os.rename(whole, aside)
    except OSError as error:
        reason = error.strerror or error
        raise NetsError(f"cannot rename {folder}: {reason}: choose another `out`") from error
    return folder.with_name(aside.name)
