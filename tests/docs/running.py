"""Running a page's blocks, one after another, in one folder and one namespace, as a reader would."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from nets_deap_cli.commands import run

from tests.docs import setting
from tests.docs.blocks import ROOT, Block


def prepare(folder: Path) -> None:
    """A run as `make demo` leaves it, and its export."""
    for line in (
        f"evolve --gens 1 --pop 2 --epochs 1 --map serial --out {folder}/runs/demo",
        f"train {folder}/runs/demo --random 2 --epochs 1 --map serial --out {folder}/runs/demo/trained",
        f"export {folder}/runs/demo --python --out {folder}/demo_net.py",
    ):
        assert run([*line.split(), *["--quiet"] * (not line.startswith("export"))]) == 0, line


class Reader:
    """Reads a page with a keyboard at hand, in the current folder.

    short: change figures, so that everything takes seconds
    """

    def __init__(self, page: str, short: bool) -> None:
        self.page, self.short = page, short
        self.names: dict[str, Any] = {"__name__": "__main__"}
        for name, text in setting.FILES.get(page, {}).items():
            Path(name).write_text(text, encoding="utf-8")
        setting.write_wine(Path("wine.csv"))
        exec(setting.GIVEN.get(page, ""), self.names)

    def follow(self, block: Block) -> None:
        match block.kind:
            case "file":
                Path(block.says).write_text(block.text, encoding="utf-8")
                if block.says.endswith(".toml"):
                    self.command(f"nets-deap compare --config {block.says}")
            case "python":
                exec(compile(self._shortened(block.text), block.place, "exec"), self.names)
            case "sh":
                for line in block.commands:
                    self.command(line)

    def _shortened(self, code: str) -> str:
        for long, short in setting.QUICKER.get(self.page, {}).items() if self.short else ():
            code = code.replace(long, short)
        return code

    def command(self, line: str) -> None:
        program, *words = [setting.PLACES.get(word, word) for word in shlex.split(line, comments=True)]
        if program == "make":
            self.make(words)
            return
        assert program == "nets-deap", line
        if self.short and setting.LATER & {*words}:
            return
        if self.short or setting.reasons(line):
            words += setting.SHORTER[words[0]].split()
            words += [
                word for part, more in setting.SHORTER_WITH.items() if part in line for word in more.split()
            ]
        assert run(words) == 0, line

    def make(self, words: list[str]) -> None:
        """What make would do; of that, run the commands of ours."""
        asked = ["make", "--dry-run", "--directory", str(ROOT), *words]
        told = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
        assert told
        for line in told.splitlines():
            if line.startswith(".venv/bin/nets-deap "):
                self.command(line.removeprefix(".venv/bin/"))


def run_cells(code: list[str], names: dict[str, Any]) -> None:
    """As a notebook does: the last expression of a cell is shown."""
    import ast

    for cell in code:
        tree = ast.parse(cell)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, "cell", "exec"), names)
        if isinstance(last, ast.Expr):
            shown = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
            assert repr(shown)
            getattr(type(shown), "_repr_html_", repr)(shown)


def forget_modules(folder: Path) -> None:
    """Modules that were imported from a folder: the next page may have another of the same name."""
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]
