"""Links to folders of the repository: the site has a copy of each, with a list of its files.

Linked files Sphinx copies by itself.
"""

import html
import shutil
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.transforms.post_transforms import SphinxPostTransform

ROOT = Path(__file__).parents[2]
WITHOUT = shutil.ignore_patterns("__pycache__", "tickets", "trials", ".*")  # what git leaves out, too


class FolderLinks(SphinxPostTransform):
    default_priority = 8  # before MyST looks for a page of this name

    def run(self, **options: Any) -> None:
        for link in list(self.document.findall(pending_xref)):
            target = link["reftarget"]
            folder = (
                (ROOT / self.env.doc2path(self.env.docname, base=False)).parent.joinpath(target).resolve()
            )
            if link["reftype"] == "myst" and folder.is_dir() and folder.is_relative_to(ROOT):
                copy_once(folder, Path(self.app.outdir) / folder.relative_to(ROOT))
                page = f"{target.rstrip('/')}/index.html"
                link.replace_self(nodes.reference("", "", *link.children, refuri=page))


def copy_once(folder: Path, place: Path) -> None:
    if (place / "index.html").exists():
        return
    shutil.copytree(folder, place, ignore=WITHOUT, dirs_exist_ok=True)
    for below in [place, *(path for path in place.rglob("*") if path.is_dir())]:
        names = sorted(path.name + "/index.html" * path.is_dir() for path in below.iterdir())
        items = "".join(f'<li><a href="{html.escape(name)}">{html.escape(name)}</a>' for name in names)
        begins = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{below.name}</title>'
        text = f"{begins}<h1>{below.name}</h1><ul>{items}</ul>"
        (below / "index.html").write_text(text, encoding="utf-8")


def write_index(app: Any, error: Exception | None) -> None:
    """The front page is called README, as on a forge; whoever opens the folder is sent there."""
    if not error:
        sends = f'<!doctype html><meta http-equiv="refresh" content="0; url={app.config.root_doc}.html">'
        (Path(app.outdir) / "index.html").write_text(sends, encoding="utf-8")


def setup(app: Any) -> dict[str, bool]:
    app.add_post_transform(FolderLinks)
    app.connect("build-finished", write_index)
    return {"parallel_read_safe": True}
