"""The house: storeys of packages, no circle of modules, no long file, no command line in the library.

`python -m tests.test_house` prints storeys, circles and the number of modules in each package.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*(ROOT / "nets_deap").rglob("*.py"), *(ROOT / "cli").glob("*.py")])
STOREYS, LONGEST = 10, 300


@cache
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("nets_deap")


def package(module: str) -> str:
    return ".".join(module.split(".")[:2])


def circles(arrows: dict[str, set[str]]) -> list[set[str]]:
    """Modules that import each other, directly or around corners (Tarjan 1972)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    path: list[str] = []
    found = []

    def visit(one: str) -> None:
        number[one] = lowest[one] = len(number)
        path.append(one)
        for other in arrows[one]:
            if other not in number:
                visit(other)
            if other in path:
                lowest[one] = min(lowest[one], lowest[other])
        if lowest[one] == number[one]:
            group = {path.pop() for _ in range(len(path) - path.index(one))}
            found.extend([group] if len(group) > 1 else [])

    for module in arrows:
        if module not in number:
            visit(module)
    return found


def modules() -> dict[str, set[str]]:
    return {module: graph().find_modules_directly_imported_by(module) for module in sorted(graph().modules)}


def packages() -> dict[str, set[str]]:
    """Which packages each one imports."""
    arrows: dict[str, set[str]] = {package(module): set() for module in modules()}
    for module, imported in modules().items():
        arrows[package(module)] |= {package(other) for other in imported} - {package(module), "nets_deap"}
    del arrows["nets_deap"]
    return arrows


def storeys() -> dict[str, int]:
    """The longest way down from each package."""
    below = packages()

    @cache
    def height(name: str) -> int:
        return 1 + max((height(other) for other in below[name]), default=0)

    return {name: height(name) for name in below}


def test_circles_are_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == [{"b", "c"}]


def test_no_modules_import_each_other() -> None:
    assert circles(modules()) == []


def test_packages_stand_on_few_storeys() -> None:
    assert max(storeys().values()) <= STOREYS


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_short_and_the_library_names_no_flag(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST
    if path.is_relative_to(ROOT / "nets_deap") and path.name != "fields.py":  # which says what --help shows
        assert not re.findall(r"--[a-z][a-z-]+", text)
        assert not re.findall(r"isinstance\(.*MLP", text)


if __name__ == "__main__":
    counted = Counter(package(module) for module in modules())
    for name, height in sorted(storeys().items(), key=lambda item: -item[1]):
        print(f"storey {height:2}  {name.removeprefix('nets_deap.'):12} {counted[name]:3} modules")
    print(f"circles: {circles(modules()) or 'none'}")
    longest = max(SOURCES, key=lambda path: len(path.read_text(encoding="utf-8").splitlines()))
    lines = len(longest.read_text(encoding="utf-8").splitlines())
    print(f"longest module: {longest.relative_to(ROOT)}, {lines} lines")
