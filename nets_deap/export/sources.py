"""Source code of ours that stands on its own: definitions, with all of ours that they need, and imports."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from typing import NamedTuple

OURS = "nets_deap"


class Module(NamedTuple):
    """names: top-level name -> the statement that gives it its value"""

    lines: list[str]
    names: dict[str, ast.stmt]


class Sources:
    """The definitions that were asked for, each after those that it needs.

    given: name -> definition that takes the place of ours
    """

    def __init__(self, given: Mapping[str, str]) -> None:
        self.given = given
        self.imports: set[tuple[str, str]] = set()  # (module, name); name "" imports the module
        self.definitions: dict[str, str] = {}
        self._homes: dict[str, str] = {}

    def add(self, home: str, name: str) -> None:
        """Add what `name` stands for in the module `home`, and what it needs."""
        module = _module(home)
        statement = module.names.get(name)
        if isinstance(statement, ast.Import):
            (alias,) = (alias for alias in statement.names if name in (alias.name, alias.asname))
            self.imports.add((ast.unparse(alias), ""))
        elif isinstance(statement, ast.ImportFrom):
            origin = str(statement.module)
            if origin.partition(".")[0] == OURS:
                self.add(origin, name)
            else:
                self.imports.add((origin, name))
        elif statement is not None and self._homes.setdefault(name, home) != home:
            raise AssertionError(f"{home} and {self._homes[name]} both define {name}")
        elif statement is not None and name not in self.definitions:
            text = self.given.get(name) or _text(module, statement)
            self.definitions[name] = ""  # is in the making: functions may call each other
            for needed in _names(ast.parse(text)):
                self.add(home, needed)
            self.definitions[name] = self.definitions.pop(name) or text

    def __str__(self) -> str:
        """Python source: imports, then definitions."""
        modules: dict[str, set[str]] = {}
        for module, name in self.imports:
            modules.setdefault(module, set()).add(name)
        lines = [f"import {module}" for module, names in sorted(modules.items()) if "" in names]
        lines += [
            f"from {module} import {', '.join(sorted(names - {''}))}"
            for module, names in sorted(modules.items())
            if names - {""}
        ]
        constants = [text for text in self.definitions.values() if not _is_block(text)]
        blocks = [text for text in self.definitions.values() if _is_block(text)]
        head = "\n".join([*lines, "", *dict.fromkeys(constants)])  # one statement may define several
        return "\n\n\n".join([head, *blocks]) + "\n"


@lru_cache(maxsize=16)
def _module(name: str) -> Module:
    source = inspect.getsource(import_module(name))
    names: dict[str, ast.stmt] = {}
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name: statement for alias in statement.names}
        elif isinstance(statement, ast.FunctionDef | ast.ClassDef):
            names[statement.name] = statement
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            names |= {each: statement for target in targets for each in _names(target)}
    return Module(source.splitlines(), names)


def _names(tree: ast.AST) -> list[str]:
    return list(dict.fromkeys(node.id for node in ast.walk(tree) if isinstance(node, ast.Name)))


def _text(module: Module, statement: ast.stmt) -> str:
    decorators = getattr(statement, "decorator_list", [])
    first = min(each.lineno for each in (statement, *decorators))
    return "\n".join(module.lines[first - 1 : statement.end_lineno])


def _is_block(text: str) -> bool:
    return text.startswith(("def ", "class ", "@"))
