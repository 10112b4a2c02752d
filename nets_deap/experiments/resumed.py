"""An experiment on tickets in a folder of its own: a csv that grows row by row, and is continued."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nets_deap.config import run_folder
from nets_deap.config.base import ProblemConfig
from nets_deap.util import files, tables
from nets_deap.util.errors import NetsError
from nets_deap.util.tables import Row


class Rows:
    """known: the rows that the file has, in an order that does not depend on who was first

    path: of the file; None: nothing is written
    """

    def __init__(self, path: Path | None, order: Callable[[Row], Any]) -> None:
        self.path, self.order = path, order
        self.known: list[Row] = tables.read_csv(path) if path and path.exists() else []

    def add(self, *rows: Row) -> None:
        """Write these rows, too."""
        self.known = sorted([*self.known, *rows], key=self.order)
        if self.path:
            tables.write_csv(self.path, self.known)


@contextmanager
def rows_in(
    folder: Path,
    name: str,
    config: ProblemConfig,
    of: tuple[str, str],
    content: str,
    order: Callable[[Row], Any],
    added: Collection[str] = ("seeds",),
    checksum: str = "tickets.crc32",
) -> Iterator[Rows]:
    """The rows in a folder that is this config's and this content's, for as long as they are added to.

    name: of the csv; of: the field and the words that tell these configs, as for `run_folder.claim`
    content: a checksum of the tickets, and of what else must be the same; added: fields that may differ
    checksum: name of the file that holds it
    Raises NetsError where the folder holds something else.
    """
    if files.strangers(folder) and not (folder / run_folder.CONFIG).exists():
        raise NetsError(f"{folder} exists and is not empty: choose another `out`")
    told = folder / checksum
    with files.claimed_folder(folder):
        if told.exists() and told.read_text() != f"{content}\n":
            raise NetsError(
                f"{folder} holds what was found of another ticket, or on other data: choose another `out`"
            )
        run_folder.claim(folder, config, *of, added)
        files.write_text(told, f"{content}\n")
        yield Rows(folder / name, order)
