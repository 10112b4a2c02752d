"""Work in a folder, done where that folder is not: its files are carried there and back."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple

from nets_deap.experiments.unfinished import SUFFIX
from nets_deap.parallel.protocol import Item, Map, Result
from nets_deap.util import files

Files = dict[str, bytes]  # by their paths within the folder


class _Sent(NamedTuple):
    carried: Any
    files: Files


@dataclass(frozen=True)
class _Here(Generic[Item, Result]):
    function: Callable[[Item, Path], Result]
    folder: Path

    def __call__(self, item: Item) -> Result:
        return self.function(item, self.folder)


@dataclass(frozen=True)
class _There(Generic[Item, Result]):
    """Runs in the worker: the function, in a folder of its own."""

    function: Callable[[Item, Path], Result]

    def __call__(self, sent: _Sent) -> tuple[Result, Files]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for path, contents in sent.files.items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(contents)
            result = self.function(sent.carried, folder)
            paths = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file()}
            told = {
                str(name): path.read_bytes()
                for name, path in paths.items()
                if not any(part.endswith(SUFFIX) for part in name.parts)
            }
        return result, {path: contents for path, contents in told.items() if sent.files.get(path) != contents}


def mapped(
    engine: Map,
    function: Callable[[Item, Path], Result],
    items: Iterable[Item],
    folder: Path,
    needs: Callable[[Item], Sequence[Path]],
    tell: Callable[[Result], None] | None = None,
    lost: Callable[[Item], Result] | None = None,
) -> list[Result]:
    """`engine` over `function(item, folder)`, which reads and writes files in the folder.

    needs: which files of the folder an item reads; those that are not there are left out
    """
    if not engine.elsewhere:
        return engine(_Here(function, folder), items, tell, lost)

    def arrived(told: tuple[Result, Files]) -> None:
        result, written = told
        for path, contents in written.items():
            files.write_bytes(folder / path, contents)  # by name: tickets before the trials that tell of them
        if tell:
            tell(result)

    def gone(told: _Sent) -> tuple[Result, Files]:
        assert lost is not None
        return lost(told.carried), {}

    sent = [
        _Sent(item, {str(p.relative_to(folder)): p.read_bytes() for p in needs(item) if p.exists()})
        for item in items
    ]
    there = engine(_There(function), sent, arrived, None if lost is None else gone)
    return [result for result, _ in there]
