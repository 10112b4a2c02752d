"""Values as a notebook shows them: small tables in the colours of the page, light or dark."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

MOST_ROWS = 60
LEFT, RIGHT = ("padding:.1em .7em;background:transparent;text-align:" + side for side in ("left", "right"))


class Markup(str):
    """HTML, which is not escaped again."""

    __slots__ = ()


def angled(text: str) -> str:
    """The `repr` of an object that no code makes: one line, in angle brackets."""
    printable = (c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return f"<{''.join(printable)}>"


def number(value: object) -> str:
    """A number with four significant digits, a whole one with all of its digits."""
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else "not finite"
    return f"{value:,}" if isinstance(value, int) else str(value)


def percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def bar(share: float) -> Markup:
    """A bar as long as a share of its frame."""
    length = 100 * min(1.0, max(0.0, share))
    return Markup(
        '<div style="width:8em;border:1px solid currentColor">'
        f'<div style="width:{length:.1f}%;height:.7em;background:currentColor"></div></div>'
    )


def line(title: str) -> Markup:
    """A heading."""
    return Markup(f"<div><b>{escape(title)}</b></div>")


def table(title: str, headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table as HTML. All text is escaped but `Markup`; of more than MOST_ROWS rows it says how many."""
    rows = list(rows)
    left_out = len(rows) - MOST_ROWS
    if left_out > 0:
        rows = [*rows[: MOST_ROWS - 1], [f"… {left_out + 1:,} more", *[""] * (len(headers) - 1)]]
    body = [_row("th", headers), *(_row("td", row) for row in rows)]
    return f'{line(title)}<table style="background:transparent">{"".join(body)}</table>'


def _row(tag: str, cells: Sequence[object]) -> str:
    told = (cell if isinstance(cell, Markup) else escape(number(cell)) for cell in cells)
    pieces = (f'<{tag} style="{RIGHT if i else LEFT}">{cell}</{tag}>' for i, cell in enumerate(told))
    return f"<tr>{''.join(pieces)}</tr>"
