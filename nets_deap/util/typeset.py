"""A table as Markdown and as LaTeX, from the same cells."""

from __future__ import annotations

from collections.abc import Sequence

Lines = Sequence[Sequence[str]]
IN_MARKDOWN = str.maketrans({"\\": "\\\\", "|": "\\|", "*": "\\*", "<": "&lt;", "\n": "<br>"})
IN_LATEX = str.maketrans(
    {character: f"\\{character}" for character in "%_&#${}"}
    | {"\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "\n": "\\\\"}
    | {"±": "$\\pm$", "−": "$-$", "–": "--", "†": "$^\\dagger$", "*": "$^*$"}
)


def markdown(lines: Lines) -> str:
    """The first line is the head. A cell may have lines of its own, separated by "\\n"."""
    head, *rest = [[cell.translate(IN_MARKDOWN) for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in [head, ["---"] * len(head), *rest])


def latex(lines: Lines, left: int = 1) -> str:
    """A tabular for the package booktabs, and for makecell where cells have lines of their own.

    left: columns that are flush left; all others are flush right
    """
    head, *rest = [" & ".join(map(_cell, line)) + " \\\\" for line in lines]
    columns = "l" * left + "r" * (len(lines[0]) - left)
    body = [f"\\begin{{tabular}}{{{columns}}}", "\\toprule", head, "\\midrule", *rest]
    return "\n".join([*body, "\\bottomrule", "\\end{tabular}"]) + "\n"


def _cell(text: str) -> str:
    escaped = text.translate(IN_LATEX)
    return f"\\makecell[r]{{{escaped}}}" if "\n" in text else escaped
