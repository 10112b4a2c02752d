"""The page: sections put into one HTML file that opens without a network."""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path

from nets_deap import __version__
from nets_deap.report import comparison, descent, front, overview, portraits, progress, reading, verdict
from nets_deap.report.held import Held
from nets_deap.report.overview import Repeat
from nets_deap.report.sections import Section
from nets_deap.util import files
from nets_deap.util.errors import NetsError

LARGEST = 64 << 20  # bytes of a page
MOST_NAMED = 4  # folders in the title
MARK = b'<meta name="generator" content="nets-deap'  # of our pages: no other file is replaced


def write(paths: Sequence[Path], out: Path, repeat: Repeat = lambda *_: "") -> None:
    """Write one page on what the folders hold.

    repeat: a command that repeats what is in a folder of a kind; "": none
    Raises NetsError as `reading.read` does, and if `out` is a folder or cannot be written.
    """
    if out.is_dir():
        raise NetsError(f"`out` {out} is a folder: name a file, such as {out / 'report.html'}")
    if out.exists() and MARK not in files.read_bytes(out, largest=LARGEST)[:2000]:
        raise NetsError(f"`out` {out} exists and is no report: choose another file")
    helds = reading.read(paths)
    files.write_text(out, rendered(helds, repeat))


def sections(helds: Sequence[Held], repeat: Repeat) -> list[Section]:
    """The sections that apply to what these folders hold, in their order on the page."""
    found = [
        overview.summary(helds),
        verdict.verdict(helds),
        comparison.comparison(helds),
        progress.evolution(helds),
        front.front(helds),
        descent.lineage(helds),
        progress.training(helds),
        portraits.masks(helds),
        portraits.pixels(helds),
        portraits.weights(helds),
        overview.timing(helds),
        overview.settings(helds, repeat),
        overview.environment(helds),
    ]
    return [section for section in found if section]


def rendered(helds: Sequence[Held], repeat: Repeat) -> str:
    """The HTML. Its policy lets nothing run but our two scripts, named by their digests, and loads nothing.

    Raises NetsError for a page that no browser would open.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("nets_deap.report", "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script, library = _asset("page.js"), _library()
    page = environment.get_template("page.html.jinja").render(
        title=_title(helds),
        sections=sections(helds, repeat),
        style=_asset("page.css"),
        script=script,
        library=_packed(),
        allowed=[_digest(script), _digest(library)],
        version=__version__,
    )
    if len(page) > LARGEST:
        raise NetsError(f"the page would have {len(page):,} bytes: report on fewer folders")
    return page


def _title(helds: Sequence[Held]) -> str:
    """The folders that were asked for, without those inside them."""
    outer = [held.label for held in helds if not held.inside]
    return ", ".join(outer) if len(outer) <= MOST_NAMED else f"{len(outer)} folders"


def _asset(name: str) -> str:
    return resources.files("nets_deap.report").joinpath("assets", name).read_text(encoding="utf-8")


@cache
def _library() -> str:
    """Plotly's JavaScript."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


@cache
def _packed() -> str:
    """The same as base64 of gzip: a third of its size. The page unpacks it."""
    return base64.b64encode(gzip.compress(_library().encode(), 9, mtime=0)).decode()


def _digest(script: str) -> str:
    """As a content security policy names a script that it allows."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"
