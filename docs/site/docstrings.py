"""Our docstrings as Sphinx reads them: lines like `name: what it is` become a list, backticks code."""

import re
from typing import Any

FIELD = re.compile(r"( *)([\w ,]+): +(.*)")  # name, or names with commas
CODE = re.compile(r"(`[^`]+`)")


def inline(text: str) -> str:
    """Backticks around code doubled, and what has a meaning in reStructuredText escaped elsewhere."""
    parts = CODE.split(text)
    return "".join(
        f"`{part}`" if CODE.fullmatch(part) else re.sub(r"([*_|\\])", r"\\\1", part) for part in parts
    )


def as_lists(lines: list[str]) -> list[str]:
    """A paragraph that begins with a field is a list of fields; what is raised stands apart; others stay."""
    made: list[str] = []
    paragraph: list[str] = []
    apart = [part for line in lines for part in ([""] * line.lstrip().startswith("Raises ") + [line])]
    for line in [*apart, ""]:
        if line.strip():
            paragraph.append(line)
            continue
        made += (
            fields(paragraph)
            if paragraph and is_field(paragraph[0])
            else [inline(one.strip()) for one in paragraph]
        )
        made.append("")
        paragraph = []
    return made


def is_field(line: str) -> bool:
    found = FIELD.match(line)
    return bool(found) and all(re.fullmatch(r"\w+", name.strip()) for name in found[2].split(","))


def fields(paragraph: list[str]) -> list[str]:
    margin = min(len(line) - len(line.lstrip()) for line in paragraph)
    made: list[str] = []
    for line in paragraph:
        found = FIELD.match(line)
        if found and is_field(line) and len(found[1]) == margin:
            names = ", ".join(f"``{name.strip()}``" for name in found[2].split(","))
            made.append(f"- {names}: {inline(found[3])}")
        else:
            made.append(f"  {inline(line.strip())}")
    return made


def rewrite(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """A config has its fields besides, with the text that `--help` shows."""
    lines[:] = as_lists(lines)
    for field, about in getattr(thing, "model_fields", {}).items():
        lines.append(f"- ``{field}``: {inline(about.description or '')}")


def shorten(
    app: Any, what: str, name: str, thing: Any, options: Any, signature: str, returns: str
) -> tuple[str, str] | None:
    """The signature of a config would repeat its fields with what pydantic checks."""
    return ("(**fields)", "") if hasattr(thing, "model_fields") else None


def setup(app: Any) -> dict[str, bool]:
    app.connect("autodoc-process-docstring", rewrite)
    app.connect("autodoc-process-signature", shorten)
    return {"parallel_read_safe": True}
