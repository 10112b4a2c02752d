"""The blocks of a page: what stands in fences or is indented, and what it is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = {path.name: path for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]}
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
PROGRAMS = ("nets-deap", "make")  # whose lines are run

# Shown and not run: what a command prints, and what Sphinx fills in
SHOWN = re.compile(r"text|\{.*\}( .*)?")
FENCED = re.compile(r"(?:<!-- ([^\n]*) -->\n)?```([^\n]*)\n(.*?)^```$", re.DOTALL)
INDENTED = re.compile(r"(?:(?<=\n\n)|\A)(?:    [^\n]*\n)(?:(?:    [^\n]*)?\n)*")
ANY = re.compile(rf"^(?:{FENCED.pattern})|{INDENTED.pattern}", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    """kind: python, sh, file (named in `says`), shown, or not run (because of what `says`)."""

    page: str
    line: int
    kind: str
    says: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def commands(self) -> list[str]:
        return [line for line in self.text.splitlines() if line.strip()] if self.kind == "sh" else []


def blocks_of(name: str) -> list[Block]:
    text = PAGES[name].read_text(encoding="utf-8")
    return [_block(name, text.count("\n", 0, found.start()) + 1, found) for found in ANY.finditer(text)]


def _block(page: str, line: int, found: re.Match[str]) -> Block:
    marker, language, text = found[1] or "", found[2], found[3]
    if language is None:  # indented
        text = "\n".join(part[4:] for part in found[0].rstrip().splitlines())
        language = "sh" if text.startswith(PROGRAMS) else "python"
    for kind in ("file", "not run"):
        if marker.startswith(f"{kind}: "):
            return Block(page, line, kind, marker.removeprefix(f"{kind}: "), text)
    kind = "shown" if SHOWN.fullmatch(language) else language
    return Block(page, line, kind, "", text)


def cells_of(notebook: Path) -> list[str]:
    """The code of each cell."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
