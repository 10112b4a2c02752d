"""An experiment on tickets in a folder: a csv that grows row by row, so that the experiment can resume."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nets_deap.config import run_folder
from nets_deap.config.base import ProblemConfig
from nets_deap.util import digests, files, tables
from nets_deap.util.errors import NetsError
from nets_deap.util.schema import Cells, checked
from nets_deap.util.tables import Row

logger = logging.getLogger(__name__)


class Rows:
    """The rows of a csv file.

    known: the rows that the file has, in an order that does not depend on which finished first
    path: the file; None: nothing is written
    """

    def __init__(self, path: Path | None, order: Callable[[Row], Any], kind: type = Cells) -> None:
        """kind: what each row is checked as. Raises DamagedError for a file that holds other rows."""
        self.path, self.order = path, order
        self.known: list[Row] = []
        if path and path.exists():
            self.known = tables.parse(digests.read_text(path), path)
            for row in self.known:
                checked(kind, row, path)

    def add(self, *rows: Row) -> None:
        """Add rows, and write the file."""
        self.known = sorted([*self.known, *rows], key=self.order)
        if self.path:
            digests.write_text(self.path, tables.as_csv(self.known))
            for row in rows:
                logger.info("saved: %s", tables.in_words(row))


@contextmanager
def rows_in(
    folder: Path,
    name: str,
    config: ProblemConfig,
    of: tuple[str, str],
    content: str,
    order: Callable[[Row], Any],
    kind: type,
    added: Collection[str] = ("seeds",),
    checksum: str = "tickets.crc32",
) -> Iterator[Rows]:
    """The rows in a folder, which is claimed for this config and content while rows are added.

    name: name of the csv; of: `mark` and `of` for `run_folder.claim`
    content: a checksum of the tickets, and of all else that must be the same
    kind: a model with the columns that a row must have
    added: fields of the config that may differ; checksum: name of the file for `content`
    Raises NetsError if the folder holds something else.
    """
    if files.strangers(folder) and not (folder / run_folder.CONFIG).exists():
        raise NetsError(f"{folder} exists and is not empty: choose another `out`")
    with run_folder.held(folder):
        run_folder.claim(folder, config, *of, added, {checksum: (content, "another ticket, or other data")})
        yield Rows(folder / name, order, kind)
